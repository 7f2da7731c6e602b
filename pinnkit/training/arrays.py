"""The shapes that optimisers speak of: P parameters, N residuals, one number."""

from __future__ import annotations

from jaxtyping import Array, Bool, Float, Int

Scalar = Float[Array, ""]
Count = Int[Array, ""]
Flag = Bool[Array, ""]
Vector = Float[Array, " P"]
Matrix = Float[Array, "P P"]
Residual = Float[Array, " N"]
Jacobian = Float[Array, "N P"]
History = Float[Array, "M P"]
