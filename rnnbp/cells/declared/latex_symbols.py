"""Variable names as symbols in LaTeX."""

import re

GREEK = {
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda",
    "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
}  # fmt: skip
ACCENTS = {"tilde", "hat", "bar"}


def symbol(name: str, *more: str) -> str:
    """Return a variable's name as a symbol with subscripts.

    Examples
    --------
    >>> print(symbol("tau"), symbol("p_i"), symbol("h_tilde", "t"), symbol("threshold"), symbol("f1", "t-1"))
    \\tau p_i \\tilde{h}_t \\mathrm{threshold} f_{1,t-1}
    """
    base, *subscripts = pieces(name)
    return base + subscript(*dict.fromkeys([*subscripts, *more]))


def subscript(*texts: str) -> str:
    """Return texts as one subscript.

    Examples
    --------
    >>> subscript("t"), subscript("i", "t"), subscript()
    ('_t', '_{i,t}', '')
    """
    text = ",".join(texts)
    return f"_{text}" if len(text) == 1 else f"_{{{text}}}" if text else ""


def pieces(name: str) -> list[str]:
    """Return the symbol that a variable's name begins with, and its subscripts.

    Examples
    --------
    >>> print(*pieces("transform_0"), *pieces("n2"))
    \\mathrm{transform} 0 n 2
    """
    parts = [part for piece in name.split("_") for part in re.findall(r"\d+|\D+", piece)]
    accents = [part for part in parts[1:] if part in ACCENTS]
    base, *subscripts = [_word(part) for part in parts[:1] + [p for p in parts[1:] if p not in ACCENTS]] or [r"\_"]
    for accent in accents:
        base = f"\\{accent}{{{base}}}"
    return [base, *subscripts]


def _word(text: str) -> str:
    if text in GREEK:
        return f"\\{text}"
    return text if len(text) == 1 or text.isdigit() else rf"\mathrm{{{text}}}"
