# SPDX-License-Identifier: GPL-3.0-or-later
"""
Random macros and #if expressions that are valid whatever the state of the macros is.

A name's first letter is its kind, and every definition that a name ever gets keeps to the kind:

  V  undefined, or an expression               A  undefined, or another A: always one identifier
  E  undefined, empty, or an expression        D  always defined: one digit
  F  always defined: function-like, an         C  always defined: variadic, expands to anything
     expression; calls only lower F               with balanced parentheses; its commas are counted
  B  undefined, or defined(X)                  W  undefined, or literals and W

What a function-like macro's rescan can reach may not call that macro again (it would stay there,
with its parenthesis), so F and W bodies are kept from the rest; arguments are expanded outside.
"""

import re

N = {"V": 12, "A": 8, "E": 4, "D": 4, "F": 6, "C": 6, "B": 3, "W": 8}
COUNTED = 40

KEYWORDS = ["int", "while", "sizeof", "return", "static", "unknown_name", "_Bool", "x_y_z", "if"]
BINARY = ["+", "-", "*", "&", "|", "^", "==", "!=", "<", ">", "<=", ">=", "&&", "||"]
WORDED = {"&&": "and", "||": "or", "&": "bitand", "|": "bitor", "^": "xor", "!=": "not_eq"}
CHARS = ["'a'", "'Z'", "'0'", "'\\n'", "'\\0'", "'\\\\'", "'\\''", "'\"'", "'\\377'", "'\\xff'",
         "'\\x80'", "'\\200'", "'ab'", "'abc'", "'abcd'", "'\\377a'", "'a\\377'", "'/'", "'#'",
         "'\\a'", "'\\?'", "'\\177'", "'//'", "'/*'", "'*/'", "'\\xff\\xff'", "'\\x7f\\xff\\x80'"]
BIG = ["0x7fffffffffffffff", "0x8000000000000000", "0xffffffffffffffff", "9223372036854775807",
       "18446744073709551615u", "4294967295", "2147483648", "4294967296", "0xffffffff",
       "9223372036854775808u", "01777777777777777777777", "0777777777777777777777"]

TOKEN = re.compile(
    r"""(?:u8|[LuUR])?"(?:\\.|[^"\\])*"|(?:u8|[LuU])?'(?:\\.|[^'\\])*'"""
    r"""|<[\w./]+\.h>|\.?\d(?:[eEpP][+-]|'\w|[\w.])*|[A-Za-z_]\w*|%:%:|<<|>>|&&|\|\||[=!<>]=|\#\#|\.\.\.|\S""")


class Language:
    """What one -std= has, in both compilers unless said otherwise."""

    def __init__(self, std: str):
        self.std = std
        self.gnu = std.startswith("gnu")
        self.cxx = "++" in std
        year = std.split("++")[1] if self.cxx else std.lstrip("gnuc")
        self.year = {"89": 1989, "98": 1998, "99": 1999, "11": 2011, "14": 2014, "17": 2017,
                     "20": 2020, "2b": 2023, "2x": 2023}[year]
        self.line_comments = self.cxx or self.gnu or self.year >= 1999
        self.digraphs = self.cxx or self.gnu or self.year >= 1999
        self.trigraphs = not self.gnu and (self.year < 2017 if self.cxx else True)
        self.raw = self.cxx and self.year >= 2011
        self.raw_gcc = self.raw or (not self.cxx and self.gnu and self.year >= 1999)
        self.unicode = self.year >= 2011
        self.u8_chars = self.cxx and self.year >= 2017
        self.separators = self.year >= (2014 if self.cxx else 2023)
        self.elifdef = self.gnu or self.year >= 2023


class Macros:
    def __init__(self, rnd, language: Language, without=frozenset()):
        self.rnd, self.language, self.without = rnd, language, without
        self.below = N["F"]  # F bodies call only F of lower number
        self.arity = [rnd.choice((1, 1, 2, 2, 3, 0, 4, 5)) for _ in range(N["F"])]
        self.variadic = [rnd.random() < 0.25 for _ in range(N["F"])]
        # "defined X" and what expands to it: not where X would be expanded first, as in arguments
        self.top = False
        self.next_allowed = False
        self.next_here = True  # False in the last directory that is searched: gcc objects
        self.headers = []  # operands of __has_include, found and not

    def pick(self, kind: str) -> str:
        return kind + str(self.rnd.randrange(N[kind]))

    def any_name(self) -> str:
        return self.pick(self.rnd.choice("VVVAAEFBCW"))

    def any_name_but_f(self) -> str:
        """A name that may be undefined."""
        return self.pick(self.rnd.choice("VVAEBW"))

    # --- expressions ---

    def number(self) -> str:
        rnd, lang = self.rnd, self.language
        shape = rnd.random()
        if shape < 0.5:
            return str(rnd.randrange(0, 10))
        if shape < 0.6:
            return rnd.choice(BIG)
        if shape < 0.75:
            text = str(rnd.randrange(1 << rnd.choice((4, 8, 16, 31, 40))))
            if lang.separators and len(text) > 3 and rnd.random() < 0.4:
                text = text[:-3] + "'" + text[-3:]
        elif shape < 0.87:
            text = rnd.choice(("0x", "0X")) + f"{rnd.randrange(1 << rnd.choice((8, 32, 63))):x}"
        elif shape < 0.95:
            text = "0" + f"{rnd.randrange(1 << rnd.choice((4, 12, 33))):o}"
        else:
            text = rnd.choice(("0b", "0B")) + f"{rnd.randrange(256):b}"
        if rnd.random() < 0.35:
            text += rnd.choice(("u", "U", "l", "L", "ul", "LU", "ll", "LL", "ull", "LLu", "uLL"))
        return text

    def character(self) -> str:
        rnd, lang = self.rnd, self.language
        if rnd.random() < 0.25:
            wide = ["L"] + (["u", "U"] if lang.unicode else []) + (["u8"] if lang.u8_chars else [])
            return rnd.choice(wide) + rnd.choice(("'a'", "'\\n'", "'\\x7f'", "'\\0'", "'\\177'"))
        if rnd.random() < 0.08:
            return "L" + rnd.choice(("'\\xffff'", "'\\xffffffff'", "'\\x80000000'", "'\\377'"))
        return rnd.choice(CHARS)

    def call(self, depth: int, params=()) -> str:
        """A call of some F, in one of the shapes in which a name meets its parenthesis late."""
        rnd = self.rnd
        i = rnd.randrange(self.below)
        n = self.arity[i]
        if self.variadic[i]:
            n += rnd.choice((0, 1, 2)) if n else rnd.choice((1, 2))
        was, self.top = self.top, False
        args = [self.expr(depth - 1, params, small=True) for _ in range(n)]
        self.top = was
        args = [f"({a})" if "," in a and a.count("(") == 0 else a for a in args]
        listed = ", ".join(args)
        name, shape = f"F{i}", rnd.random()
        if params:
            shape *= 0.86  # no ID, CALL, CAT
        if shape < 0.62:
            return f"{name}({listed})"
        if shape < 0.70:
            return f"{name} ({listed})"
        if shape < 0.76:
            return f"GF{i}({listed})"
        if shape < 0.82:
            return f"(HF{i}({rnd.randrange(9)})({listed}))"
        if shape < 0.86:
            return f"JF{i}()({listed})"
        if shape < 0.90:
            return f"ID({name} LP {listed} RP)"
        if shape < 0.94:
            return f"ID({name} NOTHING ({listed}))"
        if shape < 0.97:
            return f"CALL({name}, ({listed}))"
        return f"CAT(F, {i})({listed})"

    def soup(self, depth: int) -> str:
        """Tokens with balanced parentheses, for counting commas."""
        rnd = self.rnd
        out = []
        for _ in range(rnd.choice((1, 1, 2, 2, 3))):
            shape = rnd.random()
            name = self.pick("C")
            if shape < 0.25:
                out.append(rnd.choice(("x", "1", "y z", "-", "'c'", '"s,t"', self.pick("A"))))
            elif shape < 0.33:
                out.append(name)
            elif shape < 0.43:
                out.append(",")
            elif depth <= 0:
                out.append(name)
            elif shape < 0.8:
                out.append(f"{name}({self.soup(depth - 1)})")
            elif shape < 0.86:
                out.append(f"{name}()")
            elif shape < 0.9:
                out.append(f"{name} NOTHING ({self.soup(depth - 1)})")
            elif shape < 0.95:
                out.append(f"{name} LP {self.soup(depth - 1)} RP")
            else:
                out.append(f"({self.soup(depth - 1)})")
        return " ".join(out)

    def has_include(self) -> str:
        rnd = self.rnd
        what = "__has_include"
        if self.next_allowed and "next" not in self.without and rnd.random() < 0.2:
            what = "__has_include_next"
        name = rnd.choice(self.headers) if self.headers else "none.h"
        shape = rnd.random()
        if shape < 0.4:
            operand = f'"{name}"'
        elif shape < 0.75 or "/" in name:
            operand = f"<{name}>"
        elif shape < 0.85:
            operand = f"LEAF({rnd.randrange(2000)})"
        elif shape < 0.93:
            operand = f"STR({name})"
        else:
            operand = rnd.choice(("HDRQ", "HDRA"))
        return f"{what}({operand})"

    def atom(self, depth: int, params=()) -> str:
        rnd = self.rnd
        if params and rnd.random() < 0.55:
            p = rnd.choice(params)
            return rnd.choice((p, f"({p})", f"({p})", f"-{p}"))
        shape = rnd.random()
        if shape < 0.24:
            return self.number()
        if params:
            return self.call(depth, params) if shape < 0.4 and depth > 0 else \
                self.pick("W") if shape < 0.6 else self.character() if shape < 0.7 else \
                f"WP({rnd.randrange(N['W'])})" if shape < 0.8 else \
                f"COUNT({self.soup(1)})" if shape < 0.9 else self.pick("D")
        if shape < 0.44:
            return self.pick("V")
        if shape < 0.48:
            return self.pick("W")
        if shape < 0.58 and depth > 0:
            return self.call(depth, params)
        if shape < 0.64:
            return self.character()
        if shape < 0.71:
            name = self.any_name() if self.top else self.pick(rnd.choice("AAFC"))
            return rnd.choice((f"defined {name}", f"defined({name})", f"defined ( {name} )"))
        if shape < 0.73:
            return self.pick("B" if self.top else "V")
        if shape < 0.75:
            return self.pick("A")
        if shape < 0.77:
            words = KEYWORDS + (["true", "false"] if self.language.cxx else [])
            return rnd.choice(words)
        if shape < 0.81:
            return f"({self.pick('E')} + {rnd.randrange(5)})"
        if shape < 0.86:
            return self.paste()
        if shape < 0.91:
            return self.choose()
        if shape < 0.955:
            return f"COUNT({self.soup(2)})"
        if shape < 0.965 and "has_include" not in self.without:
            return self.has_include()
        if shape < 0.975 and "line" not in self.without:
            return "__LINE__"
        if shape < 0.985:
            return "__INCLUDE_LEVEL__"
        return self.pick("D")

    def paste(self) -> str:
        rnd = self.rnd
        d = rnd.randrange(N["W"])
        digit = self.pick("D")
        return rnd.choice((
            f"CAT(W, {d})", f"CAT_(W, {d})", f"WP({d})", f"CAT3(W,, {d})", f"CAT3(, W, {d})",
            f"CAT(W, {digit})", f"CAT_(, {d})", f"CAT({rnd.randrange(1, 9)}, {digit})",
            f"CAT(1, CAT({digit}, 2))", f"CAT3(0x, {d}, u)", f"CAT_(W{d}, )",
            f"CAT(W, CAT(, {d}))", f"VARCAT(W, {d})", f"CAT3({d},,) ", f"CAT(CAT(1, 2), {d}u)",
            f"CAT3(CA, T, _)(W, {d})", f"CAT(0x, {digit}) ", f"CAT3(W, NOTHING, {d})"))

    def choose(self) -> str:
        rnd = self.rnd
        a, b = self.pick("A"), self.pick("A")
        return rnd.choice((
            f"CAT(IS_, {a})", f"CAT_(IS_, {a})", f"CAT(IS_, ID({a}))", f"CAT(IS_, SECOND(({a}, "
            f"x), {b}))", f"CAT(IS_, SECOND(, {b}))", f"CAT(IS_, FIRST({a}, {b}))",
            f"CAT(IS_, CAT(A, {self.pick('D')}))", f"ISIT({a})", f"ISNOT({a})",
            f"CAT(IS_, FIRST({a} NOTHING, {b}))", f"CAT(IS_, FIRST(NOTHING {a}))",
            f"CAT(IS_, UNWRAP ({a}))", f"CAT(IS_, UNWRAP({b}))"))

    def expr(self, depth: int, params=(), small=False) -> str:
        rnd = self.rnd
        if depth <= 0 or rnd.random() < (0.6 if small else 0.15):
            return self.atom(depth, params)
        shape = rnd.random()
        left = self.expr(depth - 1, params, small)
        if shape < 0.12:
            op = rnd.choice(("!", "~", "-", "+", "!", "- -", "! !", "~ -"))
            if self.language.cxx and rnd.random() < 0.2:
                op = rnd.choice(("not ", "compl "))
            return f"{op} ({left})" if " " in left else f"{op} {left}"
        right = self.expr(depth - 1, params, small)
        if shape < 0.16:
            return f"({left}) {rnd.choice('/%')} (({right}) | 1)"
        if shape < 0.22:
            amount = rnd.choice((1, 3, 31, 32, 33, 62, 63, "(7 & (%s))" % right))
            if rnd.random() < 0.08:
                amount = rnd.choice((64, 65, 100, "-1", "-3"))
            return f"({left}) {rnd.choice(('<<', '>>'))} {amount}"
        if shape < 0.32:
            return f"({left} ? {right} : {self.expr(depth - 1, params, small)})"
        if shape < 0.35:
            zero = rnd.choice(("1 / 0", "1 % 0", f"({left}) / 0", "0u % 0u"))
            return rnd.choice((f"(1 || {zero})", f"(0 && ({zero}))", f"(1 ? {right} : {zero})",
                               f"(0 ? {zero} : {right})", f"(!1 && {zero})"))
        if shape < 0.38 and not small and (self.language.cxx or self.language.year >= 1999):
            return f"({left}, {right})"
        op = rnd.choice(BINARY)
        if self.language.cxx and op in WORDED and rnd.random() < 0.25:
            op = WORDED[op]
        if rnd.random() < 0.5:
            return f"({left}) {op} ({right})"
        if rnd.random() < 0.3:
            return f"({left} {op} {right})"
        return f"{left} {op} {right}"

    def condition(self) -> str:
        """An expression that is true about as often as not."""
        rnd = self.rnd
        shape = rnd.random()
        self.next_allowed, self.top = self.next_here, True
        e, other = self.expr(3), self.expr(2)
        self.next_allowed = self.top = False
        if shape < 0.25:
            return e
        if shape < 0.5:
            return f"({e}) >> {rnd.choice((0, 0, 1, 2, 5))} & 1"
        if shape < 0.6:
            return f"({e}) % {rnd.choice((2, 3))} == {rnd.choice((0, 1))}"
        if shape < 0.7:
            return f"!({e})"
        return f"({e}) {rnd.choice(('<', '>', '<=', '!=', '=='))} ({other})"

    def selector(self) -> str:
        """Something whose value is worth knowing modulo 4."""
        return self.rnd.choice((self.expr(3), self.expr(2), self.atom(2), self.choose(),
                                f"COUNT({self.soup(3)})", self.paste()))

    # --- definitions, as (head, body) ---

    def define_V(self, name=None):
        rnd = self.rnd
        body = self.expr(2) if rnd.random() < 0.7 else self.number()
        if " " in body and rnd.random() < 0.6:
            body = f"({body})"
        return name or self.pick("V"), body

    def define_W(self, name=None):
        rnd = self.rnd
        body = rnd.choice((self.number(), self.character(), self.pick("W"), "-1", "(1, 2u)",
                           f"({self.number()} - {self.pick('W')})", f"~{self.number()}",
                           f"{self.pick('W')} + {self.number()}"))
        if "," in body and not self.language.cxx and self.language.year < 1999:
            body = "7"
        return name or self.pick("W"), body

    def define_A(self, name=None):
        name = name or self.pick("A")
        shape = self.rnd.random()
        return name, name if shape < 0.1 else f"ID({self.pick('A')})" if shape < 0.2 \
            else self.pick("A")

    def define_E(self, name=None):
        body = "" if self.rnd.random() < 0.6 else self.define_V()[1]
        return name or self.pick("E"), body if not body.startswith("/") else ""

    def define_D(self, name=None):
        return name or self.pick("D"), str(self.rnd.randrange(10))

    def define_B(self, name=None):
        what = self.rnd.choice("VAE") + str(self.rnd.randrange(4))
        return name or self.pick("B"), self.rnd.choice((f"defined {what}", f"defined({what})",
                                                        f"( defined {what} )"))

    def define_F(self, i=None):
        rnd = self.rnd
        i = rnd.randrange(N["F"]) if i is None else i
        params = ["a", "b", "c", "d", "e"][:self.arity[i]]
        shown = list(params)
        rest = None
        if self.variadic[i]:
            shape = rnd.random()
            if shape < 0.3:
                shown.append("r...")
                rest = "r"
            else:
                shown.append("...")
                rest = "__VA_ARGS__"
        was, self.below = self.below, i
        depth = 2 if i else 1
        if i == 0:  # calls nothing
            body = " + ".join([f"({p})" for p in params] + [self.number()])
        else:
            body = self.expr(depth, params)
        self.below = was
        if rest:
            some = "1" if self.arity[i] or rest == "r" else "0"
            body = rnd.choice((f"({body}) + COUNT({rest})", f"({body}) ^ COUNT(({rest}), {rest})",
                               f"({body}) - COUNT({some}, ## {rest})",
                               f"(COUNT(# {rest}, {rest}) + {body})"))
        if rnd.random() < 0.7:
            body = f"({body})"
        return f"F{i}(" + rnd.choice((", ", ",")).join(shown) + ")", body

    def define_C(self, i=None):
        rnd = self.rnd
        i = rnd.randrange(N["C"]) if i is None else i
        shape = rnd.random()
        params, all_of = ("...", "__VA_ARGS__") if shape < 0.5 else \
            ("x...", "x") if shape < 0.65 else ("x, ...", "x, __VA_ARGS__")
        rest = "x" if params == "x..." else "__VA_ARGS__"
        out = []
        for _ in range(rnd.choice((1, 1, 2, 2, 3))):
            use = rnd.random()
            name = self.pick("C")
            if use < 0.25:
                out.append(all_of)
            elif use < 0.45:
                out.append(f"{name}({rnd.choice((all_of, all_of, '', 'q', '(r, s)'))})")
            elif use < 0.6:
                out.append(name)
            elif use < 0.68:
                out.append(f"({all_of})")
            elif use < 0.76:
                out.append(f"w, ## {rest}")
            elif use < 0.82:
                out.append(f"# {rest}")
            elif use < 0.9 and "va_opt" not in self.without and params != "x...":
                inner = rnd.choice((",", ", p", f"{name}", f"({name}(__VA_ARGS__), 2)", "",
                                    f", {name}"))
                out.append(f"__VA_OPT__({inner})")
            else:
                out.append(rnd.choice(("k", "0", ",", "NOTHING")))
        return f"C{i}({params})", " ".join(out)

    def define(self) -> tuple:
        """(names to #undef first or None, head, body)"""
        shape = self.rnd.random()
        if shape < 0.38:
            head, body = self.define_V()
        elif shape < 0.45:
            head, body = self.define_W()
        elif shape < 0.6:
            head, body = self.define_A()
        elif shape < 0.68:
            head, body = self.define_E()
        elif shape < 0.75:
            head, body = self.define_D()
        elif shape < 0.8:
            head, body = self.define_B()
        elif shape < 0.9:
            head, body = self.define_F()
        else:
            head, body = self.define_C()
        undef = None
        if head[0] in "FC" or self.rnd.random() < 0.2:
            undef = head.split("(")[0]
        return undef, head, body

    def prelude(self) -> list:
        """Definitions that expressions rely on, as (head, body)."""
        rnd = self.rnd
        numbers = [str(n) for n in range(COUNTED, -1, -1)]
        slots = ", ".join(f"_{n}" for n in range(1, COUNTED + 1))
        out = [("CAT_(a, b)", "a ## b"), ("CAT(a, b)", "CAT_(a, b)"),
               ("CAT3(a, b, c)", "a ## b ## c"), ("WP(n)", "W ## n"),
               ("VARCAT(a, ...)", "a ## __VA_ARGS__"),
               ("STR_(...)", "# __VA_ARGS__"), ("STR(...)", "STR_(__VA_ARGS__)"),
               ("ID(...)", "__VA_ARGS__"), ("NOTHING", ""), ("LP", "("), ("RP", ")"),
               ("FIRST(a, ...)", "a"), ("SECOND(a, b)", "b"), ("UNWRAP(a)", "a"),
               ("CALL(f, args)", "f args"),
               ("COUNT_(" + slots + ", n, ...)", "n"),
               ("COUNT(...)", "COUNT_(__VA_ARGS__, " + ", ".join(numbers) + ")"),
               ("LEAF(n)", "<m ## n.h>"),
               ("QLEAF(n)", "STR_(m ## n.h)"),
               ("HDRQ", '"none.h"'), ("HDRA", "<m7.h>")]
        out += [(f"IS_A{n}", str(rnd.randrange(20))) for n in range(N["A"])]
        out += [("ISIT(a)", "IS_ ## a"), ("ISNOT(a)", "! CAT_(IS_, a)")]
        out += [self.define_D(f"D{n}") for n in range(N["D"])]
        for i in range(N["F"]):
            out += [self.define_F(i), (f"GF{i}", f"F{i}"),
                    (f"HF{i}(x)", f"(x) {rnd.choice('+-*^')} F{i}"), (f"JF{i}()", f"F{i}")]
        out += [self.define_C(i) for i in range(N["C"])]
        return out
