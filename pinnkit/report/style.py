"""The style sheet of a report: restrained, light or dark as the reader's system is, readable on a phone."""

CSS = """
:root {
  color-scheme: light dark;
  --ink: #1c1e21; --faint: #5f6670; --line: #dfe3e8; --page: #ffffff; --panel: #f6f7f9;
  --good: #1a7f4b; --warn: #9a6700; --bad: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e7eb; --faint: #9aa4b1; --line: #343a43; --page: #16181c; --panel: #1f2228;
    --good: #4cc38a; --warn: #e2b340; --bad: #ff8f80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 68rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 {
  font-size: 1.15rem; margin: 2.4rem 0 .7rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line);
}
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .5rem 0; }
.faint { color: var(--faint); font-size: .92rem; }
.verdict {
  margin: 1.1rem 0; padding: .8rem 1rem; background: var(--panel); border-left: 4px solid var(--faint);
  border-radius: 4px; overflow-wrap: anywhere;
}
.verdict strong { display: block; }
.good { border-color: var(--good); } .good strong { color: var(--good); }
.warn { border-color: var(--warn); } .warn strong { color: var(--warn); }
.bad { border-color: var(--bad); } .bad strong { color: var(--bad); }
.scroll { overflow-x: auto; }
math { font-size: 1.1em; }
.equation { margin: .5rem 0; padding: .2rem 0; overflow-x: auto; overflow-y: hidden; }
.equation .tag { color: var(--faint); font-size: .9rem; margin-right: .9rem; }
table { border-collapse: collapse; font-size: .93rem; font-variant-numeric: tabular-nums; }
th, td {
  padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: baseline;
  border-bottom: 1px solid var(--line);
}
thead th { color: var(--faint); font-weight: 600; }
th.number, td.number { text-align: right; white-space: nowrap; }
.pairs th { font-weight: 400; color: var(--faint); white-space: nowrap; }
.pairs td { overflow-wrap: anywhere; }
figure { margin: .8rem 0 1.4rem; }
figure .scroll { background: #fff; border-radius: 6px; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { color: var(--faint); font-size: .9rem; margin-top: .35rem; }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--faint); padding: .3rem 0; }
.columns {
  display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr));
}
.columns > div { min-width: 0; }
@media (max-width: 40rem) { .wide img { max-width: none; width: 44rem; } }
"""
