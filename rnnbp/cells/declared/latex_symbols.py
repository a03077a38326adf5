"""Variable names as symbols in LaTeX."""

import re
from itertools import takewhile

GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
    "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda",
    "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
)  # fmt: skip
SYMBOLS = {name: f"\\{name}" for name in GREEK} | {"dt": r"\Delta t"}
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
    """Return the symbol that a variable's name begins with, and its subscripts; leading words are one symbol.

    Examples
    --------
    >>> print(*pieces("transform_0"), *pieces("n2"), *pieces("minus_log_f"))
    \\mathrm{transform} 0 n 2 \\mathrm{minus\\,log} f
    """
    parts = [part for piece in name.split("_") for part in re.findall(r"\d+|\D+", piece)]
    accents = [part for part in parts[1:] if part in ACCENTS]
    parts = [part for part in parts if part not in accents]
    words = list(takewhile(_is_word, parts)) or parts[:1]
    base = _symbol(r"\,".join(words))
    for accent in accents:
        base = rf"\{accent}{{{base}}}"
    return [base, *map(_symbol, parts[len(words) :])]


def _is_word(text: str) -> bool:
    return len(text) > 1 and text not in SYMBOLS and not text.isdigit()


def _symbol(text: str) -> str:
    return rf"\mathrm{{{text}}}" if _is_word(text) else SYMBOLS.get(text, text)
