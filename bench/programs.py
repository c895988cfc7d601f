# SPDX-License-Identifier: GPL-3.0-or-later
"""
Generated preprocessor programs: a main file, headers in five search directories, a command line.

Nothing but the set of files read is ever observed, so each decision includes a leaf header of its
own number, m0.h, m1.h, …, which has nothing in it. Program i of seed s is always the same.
"""

import random
import re

from macros import N, TOKEN, Language, Macros

LEAVES = 1200
CHOICES = 12  # leaf headers that are chosen by an identifier or a digit: k0_A0.h, m1990.h …
DIRS = {"a": "-I", "b": "-I", "c": "-iquote", "d": "-isystem", "e": "-idirafter"}
PLACES = ["c", "a", "b", "d", "e"]

LANGUAGES = [("c89", 4), ("gnu89", 4), ("c99", 6), ("gnu99", 6), ("c11", 8), ("gnu11", 10),
             ("gnu17", 14), ("c2x", 5), ("c++98", 4), ("gnu++98", 4), ("c++11", 6), ("c++14", 5),
             ("gnu++17", 10), ("c++17", 4), ("c++20", 5), ("gnu++20", 6), ("c++2b", 4)]

FEATURES = """has_include next elifdef raw va_opt trigraphs once merged push import computed
crlf bom garbage args_directive counter pragma_text target line_directive line asm recursion
splices comments include_option chars""".split()

GARBAGE = ["don't stop", 'an "unbalanced quote', "#bad directive ' here", "# 12 nonsense", "@ ` $",
           "#if ((( 1 /", "#endif", "#ifdef", "#endif", "#if 1/0", "#else", "#endif", "#error no",
           "#include <nope.h>", "#include", "#define", "#undef 3", "#line x", "'", "'''", '"',
           "#pragma once", "#define V0 0", "#include MISSING(", "\\ x", "# # #", "%:if", "%:endif"]


def leaf_files() -> dict:
    """
    The headers that all programs share: name -> text. No two are alike, or gcc would take them for
    one file after a #pragma once or #import.
    """
    out = {}
    for n in range(LEAVES):
        out[f"m{n}.h"] = (f"/* {n} */", f"/*\n{n}\n*/\n",
                          f"#ifndef M{n}_H\n#define M{n}_H\n#endif\n", f"#pragma leaf {n}\n")[n % 4]
    for block in range(CHOICES):
        for n in range(N["A"]):
            out[f"k{block}_A{n}.h"] = f"/* A{n} {block} */\n"
        for digit in range(10):
            out[f"d{block}_{digit}.h"] = f"/* digit {digit} {block} */\n"
    return out


class Program:
    def __init__(self):
        self.files = {}      # path below its directory -> bytes
        self.mtimes = {}     # path -> seconds, where it matters
        self.language = []   # options that choose the mode
        self.options = []    # the rest of them, in order
        self.main = "main.c"
        self.suffix = ".c"
        self.compilers = {"gcc", "clang"}
        self.doubtful = set()  # reasons for which a scanner may say that it cannot know
        self.conditions = 0

    def copy(self):
        other = Program()
        other.__dict__.update(self.__dict__)
        other.files, other.options = dict(self.files), list(self.options)
        return other


class Header:
    def __init__(self, name: str, place: str):
        self.name, self.place = name, place
        self.path = f"{place}/{name}"


class Generator:
    def __init__(self, seed: int, index: int, without=frozenset()):
        self.rnd = random.Random(f"{seed}:{index}")
        self.without = frozenset(without)
        names, weights = zip(*LANGUAGES)
        self.lang = Language(self.rnd.choices(names, weights)[0])
        self.macros = Macros(self.rnd, self.lang, self.without)
        self.program = Program()
        self.n_leaf = self.n_choice = self.n_text = self.n_guard = self.n_alias = 0
        self.headers = []
        self.pushed = []
        self.noisy = self.rnd.choice((0.0, 0.03, 0.1, 0.25))
        self.asm = False
        self.raw = False

    def maybe(self, chance: float, feature=None) -> bool:
        return self.rnd.random() < chance and feature not in self.without

    # --- how a directive is spelled ---

    def gap(self, chance: float) -> str:
        """White space between two tokens of a directive."""
        rnd = self.rnd
        if rnd.random() >= chance:
            return " "
        if "comments" in self.without:
            return "\t"
        return rnd.choice((
            "\t", "  ", "/**/", " /* x */ ", "/* \n */", "/*\n#else\n*/", "/*/*/", "/***/", " /*'*/",
            '/* " */', "/* // */ ", "/* \\\n */", "/*#endif*/", " \\\n ", "/* ??/ */", "\f", "\v",
            "\t \t", "/\\\n* *\\\n/", "/* #include \"nope.h\"\n# */"))

    def splice(self, text: str) -> str:
        if "??" in text or "splices" in self.without:
            return text
        rnd = self.rnd
        for _ in range(rnd.choice((1, 1, 2, 5))):
            at = rnd.randrange(len(text))
            if "??" in text:
                break
            if text[at] in " \t\n" and text[:at].rstrip(" \t").endswith("\\"):
                continue
            ends = ["\\\n"] * 8 + ["\\ \n", "\\\t\n"]
            if self.lang.trigraphs and "trigraphs" not in self.without:
                ends.append("??/\n")
            text = text[:at] + rnd.choice(ends) + text[at:]
        return text

    def tokens(self, text: str) -> list:
        return TOKEN.findall(text)

    def join(self, words: list) -> str:
        """Tokens with noise between; some of the white space that is not needed left out."""
        rnd, noisy = self.rnd, self.noisy
        tight = rnd.random() < 0.2
        out = [words[0]] if words else []
        for a, b in zip(words, words[1:]):
            one, two = a[-1], b[0]
            word = (one.isalnum() or one == "_") != (two.isalnum() or two == "_")
            if tight and word and one != "/" and not {one, two} & set("\"'.#"):
                out.append("" if rnd.random() > noisy else self.gap(1))
            else:
                out.append(self.gap(noisy) if one != "/" else " " + self.gap(noisy))
            out.append(b)
        return "".join(out)

    def directive(self, name: str, *pieces: str, expression=None, tail=True) -> str:
        """pieces are kept whole; expression is cut into tokens."""
        rnd, noisy = self.rnd, self.noisy
        if self.asm:
            noisy = 0
        mark = "#"
        if self.asm:
            pass
        elif self.lang.digraphs and rnd.random() < 0.02:
            mark = "%:"
        elif self.lang.trigraphs and rnd.random() < 0.03 and "trigraphs" not in self.without:
            mark = "??="
        text = "" if rnd.random() > noisy else \
            rnd.choice((" ", "\t", "/* c */", "/*\n*/ ", " \\\n", "\f", "/* #if 0 */")) \
            if "comments" not in self.without else " "
        text += mark
        if rnd.random() < noisy:
            text += self.gap(1)
        text += name
        for piece in pieces:
            text += self.gap(noisy) + piece
        if expression is not None:
            if noisy == 0:
                text += " " + expression
            else:
                text += self.gap(noisy) + self.join(self.tokens(expression))
        if tail and rnd.random() < noisy and "comments" not in self.without:
            ends = [" ", "\t", "/* end */", " /* over\n two\nlines */", "/* ' */ \t"]
            if self.lang.line_comments:
                ends += ["// end", " // don't \" /* ", " // on \\\n and on", "// ??= x"]
            if self.lang.gnu or self.lang.year >= (2017 if self.lang.cxx else 3000):
                ends += ["/* ??/\n*/"]
            text += rnd.choice(ends)
        if rnd.random() < noisy:
            text = self.splice(text)
        return text + "\n"

    # --- what a program is made of ---

    def define(self, undef, head, body) -> str:
        out = self.directive("undef", undef) if undef else ""
        return out + self.directive("define", head, expression=body)

    def include(self, how: str) -> str:
        return self.directive("include", how)

    def leaf(self) -> str:
        n, rnd = self.n_leaf, self.rnd
        self.n_leaf = min(n + 1, LEAVES - 1)
        shape = rnd.random()
        if shape < 0.45 or "computed" in self.without:
            return self.include(f"<m{n}.h>")
        if shape < 0.75:
            return self.include(f'"m{n}.h"')
        if shape < 0.85:
            return self.directive("include", expression=f"LEAF({n})") if self.noisy == 0 else \
                self.include(f"LEAF({n})")
        if shape < 0.92:
            return self.include(f"QLEAF({n})")
        if shape < 0.97:
            self.n_alias += 1
            name = f"ALIAS{self.n_alias}"
            kind = rnd.choice((f"<m{n}.h>", f'"m{n}.h"', f"LEAF({n})"))
            return f"#define {name} {kind}\n" + self.include(name)
        return "" if "import" in self.without else self.directive("import", f"<m{n}.h>")

    def choice(self) -> str:
        """A leaf header that a macro's value chooses."""
        rnd = self.rnd
        if "computed" in self.without:
            return self.leaf()
        block = self.n_choice
        if block >= CHOICES:
            return self.leaf()
        self.n_choice += 1
        a, d = self.macros.pick("A"), self.macros.pick("D")
        which = rnd.choice((a, a, f"ID({a})", f"SECOND(({a}, 1), {a})", "d", "d", "d"))
        if which == "d":
            name, arg = "PICKD", rnd.choice((d, f"ID({d})", f"FIRST({d}, 2)", f"UNWRAP({d})"))
            inner = f"d{block}_ ## n.h"
        else:
            name, arg, inner = "PICKA", which, f"k{block}_ ## n.h"
        name += str(block)
        form = rnd.choice(("<%s>", "STR(%s)", "STR_(%s)")) % inner
        out = f"#define {name}_(n) {form}\n#define {name}(n) {name}_(n)\n"
        return out + self.include(f"{name}({arg})")

    def effects(self, depth: int) -> str:
        out = self.leaf()
        if self.maybe(0.25):
            out += self.define(*self.macros.define())
        if self.maybe(0.08):
            out += self.directive("undef", self.macros.any_name_but_f())
        if depth > 0 and self.maybe(0.2):
            out += self.condition(depth - 1)
        return out

    def test(self, head: str) -> str:
        """#if, #elif or their ifdef kin."""
        self.program.conditions += 1
        rnd = self.rnd
        if self.maybe(0.14):
            kind = rnd.choice(("def", "ndef"))
            if head == "if" or ("elifdef" not in self.without and self.lang.elifdef):
                return self.directive(head + kind, self.macros.any_name())
        return self.directive(head, expression=self.macros.condition())

    def condition(self, depth: int) -> str:
        rnd = self.rnd
        shape = rnd.random()
        if shape < 0.15:
            e = self.macros.selector()
            out = []
            self.program.conditions += 1
            for k in range(4):
                out.append(self.directive("elif" if k else "if",
                                          expression=f"(({e}) & 3) == {k}") + self.leaf())
            return "".join(out) + self.directive("endif")
        if shape < 0.2 and "garbage" not in self.without:
            return self.garbage(depth)
        out = self.test("if") + self.effects(depth)
        while self.maybe(0.25):
            out += self.test("elif") + self.effects(depth)
        if self.maybe(0.85):
            out += self.directive("else") + self.effects(depth)
        return out + self.directive("endif")

    def garbage(self, depth: int) -> str:
        """A group that is skipped, and what is in it nobody may look at."""
        rnd = self.rnd
        dead = []
        nest = 0
        for _ in range(rnd.randrange(1, 7)):
            line = rnd.choice(GARBAGE)
            word = line.lstrip("#%: ").split(" ")[0] if line[0] in "#%" else ""
            if word == "endif" and nest == 0 or word == "else" and nest == 0:
                continue
            if word in ("if", "ifdef"):
                if line.startswith("%:") and not self.lang.digraphs:
                    continue
                nest += 1
            elif word == "endif":
                if line.startswith("%:") and not self.lang.digraphs:
                    continue
                nest -= 1
            elif word == "else":
                continue
            dead.append(line + "\n")
        if self.lang.raw and self.maybe(0.2, "raw"):
            dead.append('R"x(\n#endif\n#else\n#include "nope.h"\n)x"\n')
        if self.maybe(0.3, "comments"):
            dead.append("/*\n#endif\n*/ text /* ' */\n")
        if self.lang.line_comments and self.maybe(0.2, "comments"):
            dead.append("// \\\n#endif\n// /*\n")
        dead = "".join(dead) + "#endif\n" * nest
        shape = rnd.random()
        if shape < 0.3:
            out = self.directive("if", "0") + dead + self.directive("else") + self.leaf()
        elif shape < 0.55:
            out = self.directive("if", "1") + self.leaf() + self.directive("else") + dead
        elif shape < 0.7:
            out = self.directive("if", "1") + self.leaf() + "#elif (garbage 1/0 '\n" + dead
        elif shape < 0.85:
            out = self.directive("ifdef", "NEVER_DEFINED") + dead + self.test("elif") + self.leaf()
            out += self.directive("else") + self.leaf()
        else:
            kind = rnd.choice(("elifdef", "elifndef"))
            if "elifdef" in self.without:
                kind = "else"
            out = self.directive("if", "0") + dead
            out += self.directive(kind, *([self.macros.any_name()] if kind != "else" else []))
            out += self.leaf()
            if kind != "else":
                out += self.directive("else") + self.leaf()
        return out + self.directive("endif")

    def text(self) -> str:
        """Lines that are not directives, valid C and C++ all the same."""
        rnd = self.rnd
        self.n_text += 1
        v = f"v{self.n_text}"
        shape = rnd.random()
        if self.asm:
            return rnd.choice((f"# a comment, don't care {v}\n", f"{v}: nop # it's\n", "\n",
                               "\t.ascii \"x\"\n", "# 12 apples\n"))
        if shape < 0.2:
            return f"extern int {v};\n"
        if shape < 0.3:
            return f"ID(\n extern int {v};\n)\n"
        if shape < 0.4 and "comments" not in self.without:
            return rnd.choice((
                "/* #include \"nope.h\"\n#if 1\n*/\n", "/**\n * don't\n **/\n",
                "/* \" */ extern int %s; /* ' */\n" % v, "/*/ #error\n#error\n/*/\n",
                "/\\\n*\n#else\n*\\\n/\n"))
        if shape < 0.5 and self.lang.line_comments and "comments" not in self.without:
            return rnd.choice(("// don't /* \n", "// x \\\n#include \"nope.h\"\n", "/\\\n/ /*\n",
                               "// \\\n\\\n#else\n", "// \"\n"))
        if shape < 0.56 and self.lang.line_comments and self.maybe(0.8, "trigraphs"):
            return "// what??/\n" + self.leaf_plain()
        if shape < 0.7:
            inner = rnd.choice(('"a /* b"', '"# x \\" // y"', "\"'\"", '"\\\\"', '"a" "b/*"',
                                '"x\\\n#if 0\\\n"', "'\"'", "'#'", "'\\''", "'\\\\'", '"*/"',
                                '"/\\\n* "', 'L"#\\"/*"', "L'\\''"))
            return f"extern char {v}[sizeof({inner})];\n"
        if shape < 0.78 and self.raw and "raw" not in self.without:
            prefix = rnd.choice(("", "", "u8", "L", "u", "U"))
            inner = rnd.choice(('R"(\n#include "nope.h"\n)"', 'R"x(/* " )" )x"', 'R"(\\)"',
                                'R"abc(\n#if 0\n)ab" )abc"', 'R"(a\\\nb ??/\n"// )"',
                                'R"+-(\n)"\n#else\n)+-"'))
            return f"extern char {v}[sizeof({prefix}{inner})];\n"
        if shape < 0.82 and self.lang.separators:
            return f"extern char {v}[1'0 + 1'1];\n"
        if shape < 0.88 and "args_directive" not in self.without:
            name = self.macros.pick("A")
            return (f"ID(extern int {v}\n#if {self.macros.pick('V')} > 3\n, x{v}\n"
                    f"#define {name} {self.macros.pick('A')}\n#else\n#undef {name}\n#endif\n;)\n")
        if shape < 0.92:
            return f"extern int {v}\n#ifndef NEVER_DEFINED\n;\n#endif\n"
        if shape < 0.96:
            return f"#define T{v}(x) x;\n#define S{v} extern int {v}\nT{v}\n(\nS{v}\n)\n"
        return rnd.choice(("\n", "\f\n", "   \n", ";\n" if not self.lang.cxx else "\n"))

    def leaf_plain(self) -> str:
        n = self.n_leaf
        self.n_leaf = min(n + 1, LEAVES - 1)
        return f"#include <m{n}.h>\n"

    def noise(self) -> str:
        rnd = self.rnd
        shape = rnd.random()
        if shape < 0.3:
            return rnd.choice(("#\n", "# \n", "#/* null */\n", "/**/ # /**/\n"))
        if shape < 0.5:
            return rnd.choice(("#pragma GCC diagnostic push\n#pragma GCC diagnostic pop\n",
                               "#pragma unknown don't \"know\n", "#pragma STDC FP_CONTRACT OFF\n",
                               "#pragma\n", "#pragma GCC poison never_used_name\n"))
        if shape < 0.6:
            return "" if self.asm else '#ident "x"\n'
        if shape < 0.7 and "line" in self.without:
            return f'#line {rnd.randrange(1, 999)}\n'
        if shape < 0.75:
            return self.directive("if", "0") + "#error never\n" + self.directive("endif")
        return self.text()

    def push(self) -> str:
        rnd = self.rnd
        if self.pushed and rnd.random() < 0.5:
            name = rnd.choice(self.pushed)
            return f'#pragma pop_macro("{name}")\n' if rnd.random() < 0.8 else \
                f'# pragma pop_macro ( "{name}" )\n'
        name = self.macros.pick(rnd.choice("VVAEFDW"))
        self.pushed.append(name)
        out = f'#pragma push_macro("{name}")\n'
        if name[0] == "V" and rnd.random() < 0.5:
            out += self.directive("undef", name)
        elif name[0] == "F":
            out += self.define(name, *self.macros.define_F(int(name[1:])))
        elif name[0] in "VAEDW":
            out += self.define(None, *getattr(self.macros, "define_" + name[0])(name))
        return out

    def doubtful(self) -> str:
        rnd = self.rnd
        choices = [x for x in ("counter", "pragma_text", "target", "line_directive")
                   if x not in self.without and not self.asm]
        if not choices:
            return ""
        what = rnd.choice(choices)
        self.program.doubtful.add(what)
        if what == "counter":
            self.n_text += 1
            return (f"extern int v{self.n_text}[__COUNTER__ + 1];\n#if __COUNTER__ & 1\n"
                    + self.leaf_plain() + "#else\n" + self.leaf_plain() + "#endif\n")
        if what == "pragma_text":
            name = self.macros.pick("V")
            return (f'_Pragma("push_macro(\\"{name}\\")")\n#undef {name}\n#define {name} 77\n'
                    f'_Pragma("pop_macro(\\"{name}\\")")\n#if {name} == 77\n' + self.leaf_plain()
                    + "#else\n" + self.leaf_plain() + "#endif\n")
        if what == "target":
            return ('#pragma GCC push_options\n#pragma GCC target("avx2")\n#ifdef __AVX2__\n'
                    + self.leaf_plain() + "#else\n" + self.leaf_plain()
                    + "#endif\n#pragma GCC pop_options\n")
        n = rnd.randrange(1, 5000)
        return (f'#line {n}\n#if __LINE__ & 2\n' + self.leaf_plain() + "#else\n"
                + self.leaf_plain() + "#endif\n")

    def include_header(self, header: Header, current=None) -> str:
        rnd = self.rnd
        name = header.name
        forms = [f'"{name}"', f'"{name}"']
        if header.place != "c":
            forms += [f"<{name}>", f"<{name}>"]
        if current is None:
            forms += [f'"{header.path}"', f'"./{header.path}"', f'"a/../{header.path}"']
        else:
            forms += [f'"../{header.path}"', f'".././{header.path}"']
        how = rnd.choice(forms)
        if "computed" not in self.without and rnd.random() < 0.15:
            self.n_alias += 1
            alias = f"ALIAS{self.n_alias}"
            if "<" in how or rnd.random() < 0.5:
                return f"#define {alias} {how}\n" + self.include(alias)
            bare = how.strip('"')
            if "//" not in bare:
                return f"#define {alias}(x) STR(x)\n" + self.include(f"{alias}({bare})")
        word = "include"
        if self.maybe(0.02, "import"):
            word = "import"
        return self.directive(word, how)

    def has_next(self, name: str, place: str) -> str:
        if place == "e" or "has_include" in self.without:
            return ""
        out = self.directive("if", expression=f"__has_include_next(<{name}>)")
        return out + self.directive("include_next", self.rnd.choice((f"<{name}>", f'"{name}"'))) \
            + self.directive("else") + self.leaf() + self.directive("endif")

    def block(self, n: int, later: list, current=None) -> str:
        """n statements; later: headers that may be included from here."""
        rnd, out = self.rnd, []
        for _ in range(n):
            shape = rnd.random()
            if shape < 0.52:
                out.append(self.condition(2))
            elif shape < 0.72:
                out.append(self.define(*self.macros.define()))
            elif shape < 0.75:
                out.append(self.directive("undef", self.macros.any_name_but_f()))
            elif shape < 0.80:
                out.append(self.choice())
            elif shape < 0.82 and "push" not in self.without:
                out.append(self.push())
            elif shape < 0.94:
                out.append(self.noise())
            elif later:
                out.append(self.include_header(rnd.choice(later), current))
        return "".join(out)

    def guarded(self, text: str) -> str:
        """text in one of the shapes of an include guard, or what looks like one."""
        rnd = self.rnd
        self.n_guard += 1
        g = f"G{self.n_guard}_H"
        once = "#pragma once\n" if "once" not in self.without else ""
        comment = "" if "comments" in self.without else "/* a comment */\n"
        if not self.lang.line_comments or "comments" in self.without:
            note = ""
        else:
            note = "// more\n"
        head = rnd.choice((f"#ifndef {g}\n", f"#ifndef {g}\n", f"#if !defined({g})\n",
                           f"#if !defined {g}\n", f"# if ! defined ( {g} )\n"))
        body = f"#define {g}\n" + text
        shape = rnd.random()
        if shape < 0.3:
            return comment + head + body + "#endif\n" + note
        if shape < 0.38:
            return head + body + "#endif\n" + self.block(2, [])
        if shape < 0.44:
            return self.leaf() + head + body + "#endif\n"
        if shape < 0.52:
            return head + body + "#else\n" + self.block(2, []) + "#endif\n"
        if shape < 0.58:
            return head + body + f"#elif {self.macros.pick('V')}\n" + self.leaf() + "#endif\n"
        if shape < 0.64:
            return head + text + "#endif\n"
        if shape < 0.72:
            return rnd.choice((once, once + comment, comment + once)) + text
        if shape < 0.76:
            return f"#if {self.macros.pick('V')} > 2\n{once}#endif\n" + text
        if shape < 0.80:
            return head + body + "#endif\n#\n" + self.leaf()
        if shape < 0.84:
            return f"#if !defined({g}) && 1\n" + body + "#endif\n"
        if shape < 0.88:
            return head + body + f"#undef {g}\n#endif\n"
        return text

    # --- the whole ---

    def options(self):
        rnd, p = self.rnd, self.program
        lang = self.lang
        p.language = ["-std=" + lang.std]
        if lang.cxx:
            p.main, p.suffix = "main.cc", ".cc"
        if rnd.random() < 0.12:
            p.language.append(rnd.choice(("-funsigned-char", "-fsigned-char", "-O2",
                                          "-ffreestanding")))
        dirs = [(DIRS[d], d) for d in DIRS] + [("-I", "../../leaf")]
        if rnd.random() < 0.5:
            rnd.shuffle(dirs)
        for _ in range(rnd.choice((0, 0, 1, 2))):
            dirs.insert(rnd.randrange(len(dirs) + 1),
                        rnd.choice((("-I", "none"), ("-I", "a"), ("-I", "./b"), ("-isystem", "a"),
                                    ("-iquote", "b"), ("-idirafter", "none2"), ("-I", "b/../a"))))
        self.dot = self.maybe(0.3)
        if self.dot:
            dirs.append(("-I", "."))
        p.options = [w for opt, d in dirs
                     for w in ([opt + d] if opt == "-I" and rnd.random() < 0.7 else [opt, d])]
        for _ in range(rnd.choice((0, 1, 2, 3))):
            kind = rnd.choice("VVAE")
            name, body = getattr(self.macros, "define_" + kind)()
            body = " ".join(self.tokens(body))
            words = [f"-D{name}={body}"]
            if kind == "V" and rnd.random() < 0.2:
                words = ["-D", name]
            elif kind == "V" and rnd.random() < 0.2:
                words = [f"-U{name}"]
            p.options += words
        if rnd.random() < 0.15:
            p.options.append("-DVIA_D(x)=((x) + 1)")
            p.options.append("-DV1=VIA_D(VIA_D(2))")

    def finish(self, text: str) -> bytes:
        rnd = self.rnd
        if text.endswith("\n") and rnd.random() < 0.06 and not text.endswith("\\\n"):
            text = text[:-1]
        if self.maybe(0.05, "crlf"):
            text = text.replace("\n", "\r\n")
        data = text.encode()
        if self.maybe(0.03, "bom"):
            data = b"\xef\xbb\xbf" + data
        return data

    def header_text(self, header: Header, later: list) -> str:
        rnd = self.rnd
        text = self.block(rnd.randrange(3, 8), later, header)
        if self.dot and self.maybe(0.1, "recursion"):
            text += (f"#if __INCLUDE_LEVEL__ < {rnd.randrange(2, 5)}\n#include __FILE__\n"
                     f"#endif\n")
        return self.guarded(text)

    def once_twins(self) -> str:
        """Two headers of equal text: one file to gcc, if their times are equal too."""
        p, rnd = self.program, self.rnd
        text = self.rnd.choice(("#pragma once\n", "#pragma once\n#define V2 7\n"))
        p.files["a/twin1.h"] = p.files["b/twin2.h"] = text.encode()
        p.mtimes = {"a/twin1.h": 1600000000, "b/twin2.h": 1600000000 + rnd.choice((0, 0, 10))}
        return ('#include "twin1.h"\n#undef V2\n#include "twin2.h"\n#if V2 == 7\n'
                + self.leaf_plain() + "#endif\n#include <twin1.h>\n")

    def generate(self) -> Program:
        rnd, p = self.rnd, self.program
        self.raw = self.lang.raw
        if self.lang.raw_gcc and not self.lang.raw and self.maybe(0.1, "raw"):
            self.raw = True
            p.compilers = {"gcc"}
        if not self.lang.cxx and self.maybe(0.015, "asm"):
            self.asm = True
            p.compilers = {"gcc"}
        self.options()
        if self.asm:
            p.main, p.suffix, p.language = "main.S", ".S", []
        for n in range(rnd.randrange(2, 5)):
            for place in rnd.sample(PLACES, rnd.choice((1, 1, 1, 2))):
                self.headers.append(Header(f"h{n}.h", place))
        self.headers.sort(key=lambda h: h.name)
        self.macros.headers = [h.name for h in self.headers if h.place != "c"]
        self.macros.headers += ["none.h", "missing/none.h", "m3.h", "../a/none.h"]

        parts = ["".join(f"#define {head} {body}\n" if self.asm or ".h" in body or rnd.random() < 0.7 else
                         self.directive("define", head, expression=body)
                         for head, body in self.macros.prelude())]
        where = rnd.random()
        if where < 0.15 and "include_option" not in self.without:
            option = rnd.choice(("-include", "-imacros"))
            p.files["prelude.h"] = self.finish(parts.pop())
            p.options += [option, "prelude.h"]
        elif where < 0.3:
            p.files["b/prelude.h"] = self.finish(parts.pop())
            parts.append("#include <prelude.h>\n")

        chains = []
        for n in range(rnd.choice((0, 1, 1, 2)) if "next" not in self.without else 0):
            name = f"n{n}.h"
            for place in rnd.sample(["a", "b", "d", "e"], rnd.randrange(1, 5)):
                chains.append((name, place))
                p.files[f"{place}/{name}"] = b""
        for name, place in chains:
            self.macros.next_here = place != "e"
            body = self.block(1, []) + self.has_next(name, place) + self.leaf()
            p.files[f"{place}/{name}"] = self.finish(body)

        names = sorted({h.name for h in self.headers})
        for header in self.headers:
            later = [h for h in self.headers if h.name > header.name]
            self.macros.next_here = header.place != "e"
            p.files[header.path] = self.finish(self.header_text(header, later))

        self.macros.next_here = True
        for _ in range(rnd.randrange(3, 6)):
            parts.append(self.block(rnd.randrange(4, 9), self.headers))
            if chains and self.maybe(0.5):
                name = rnd.choice(chains)[0]
                parts.append(self.directive(rnd.choice(("include", "include", "include_next")),
                                            rnd.choice((f"<{name}>", f'"{name}"'))))
            if self.maybe(0.015, "merged") and not p.mtimes and "once" not in self.without:
                parts.append(self.once_twins())
            if self.maybe(0.012):
                parts.append(self.doubtful())
            if self.maybe(0.6):
                name = rnd.choice(names)
                parts.append(self.include_header(rnd.choice(
                    [h for h in self.headers if h.name == name])))
            if self.maybe(0.5) and self.n_guard:
                g = f"G{rnd.randrange(self.n_guard) + 1}_H"
                parts.append(self.directive("undef", g))
        if self.maybe(0.06, "recursion"):
            parts.append('#if __INCLUDE_LEVEL__ < 1\n#include __FILE__\n'
                         f'#elif {self.macros.pick("V")}\n' + self.leaf_plain() + "#endif\n")
        p.files[p.main] = self.finish("".join(parts))
        return p


def generate(seed: int, index: int, without=frozenset()) -> Program:
    return Generator(seed, index, without).generate()


def show(program: Program, compiler: str) -> str:
    out = [" ".join([compiler, *program.language, *program.options, "-c", program.main])]
    for path in sorted(program.files):
        text = program.files[path].decode(errors="replace")
        text = re.sub(r"[\f\v\r]", lambda m: repr(m.group())[1:-1], text)
        out.append(f"--- {path}\n" + (text if text.endswith("\n") else text + "\n(no newline)\n"))
    return "\n".join(out)
