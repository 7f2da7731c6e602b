"""``python -m pinnkit`` is the command ``pinnkit``."""

from .cli import main

if __name__ == "__main__":
    main()
