# SPDX-License-Identifier: GPL-3.0-or-later
"""How text is cut: splices, comments, strings, character sets, what is a directive."""

from . import NO, YES, ifdef, trap, when

trap("splice in a directive's name", '#inc\\\nlude "yes.h"\n')
trap("splice behind the hash", '#\\\ninclude "yes.h"\n')
trap("splice in a name", "#define A\\\nB 1\n" + ifdef("AB"))
trap("splice in a header name", '#include "ye\\\ns.h"\n')
trap("splice with a blank behind it", '#inc\\ \nlude "yes.h"\n')
trap("splice with a tab behind it", "#define A \\\t\n 0\n" + when("!A"))
trap("splices, several", '#\\\n\\\n\\\ndef\\\nine A\n' + ifdef("A"))
trap("splice makes the line longer", "#define A 1 \\\n#define B 1\n" + when("!defined B"))
trap("splice in a line comment", '// comment \\\n#include "no.h"\n' + YES)
trap("splice in a comment's start", '/\\\n* \n#include "no.h"\n*\\\n/\n' + YES)
trap("splice in a line comment's start", '/\\\n/ #include\n#define A /\\\n/ 0\n' + when("1 A"))
trap("splice in a string", 'const char *s = "a\\\n#include \\"no.h\\"";\n' + YES)
trap("splice of CRLF lines", b'#inc\\\r\nlude "yes.h"\r\n')
trap("splice at the end of a header", '#include "e.h"\n' + ifdef("A"),
     "e.h yes.h", files={"e.h": "#define A 1 \\"})
trap("splice at the end of a header, and the next line", '#include "e.h"\n#define B\n' + ifdef("B"),
     "e.h yes.h", files={"e.h": "#define A \\\n"})

trap("comment before the hash", '/* a */ #include "yes.h"\n')
trap("comment behind the hash", '# /* a */ include /* b */ "yes.h" /* c */\n')
trap("comment of lines before the hash", '/* a\n b */ #include "yes.h"\n')
trap("comment that hides", '/*\n#include "no.h"\n*/\n' + YES)
trap("comment in a directive over lines", "#define A /*\n#include no\n*/ 1\n" + when("A"))
trap("comment in #if over lines", '#if 0 /*\n*/ || 1\n' + YES + "#else\n" + NO + "#endif\n")
trap("comment in a skipped group", '#if 0\n/*\n#endif\n#include "no.h"\n*/\n#endif\n' + YES)
trap("comment between name and parenthesis", "#define F/**/(x) 1\n" + when("defined F && F"),
     "reject")
trap("comment start in a string", 'const char *s = "/*";\n' + YES + 'const char *t = "*/";\n')
trap("comment start in a character", "int c = '/*';\n" + YES + "int d = '*/';\n")
trap("comment start in a line comment", "// /*\n" + YES + "// */\n")
trap("line comment start in a comment", '/* // */ #include "yes.h"\n')
trap("line comment start in a string", 'const char *s = "//"; /*\n"*/\n' + YES)
trap("no line comments in c90", when("1 //**/ 2"), "no.h", args="-std=c90")
trap("line comments in gnu90", when("1 //**/ 2"), args="-std=gnu90")
trap("line comments in c99", when("1 //**/ 2"), args="-std=c99")
trap("line comments in c++98", when("1 //**/ 2"), args="-std=c++98", src="x.cc")
trap("line comments in iso9899:199409", when("1 //**/ 2"), "no.h", args="-std=iso9899:199409")
trap("line comments by -ansi", when("1 //**/ 2"), "no.h", args="-ansi")

trap("quote in a comment", "/* don't \" */\n" + YES + "// isn't\n")
trap("quote in a character", "int c = '\"';\n" + YES + "int d = '\\'';\n")
trap("quotes in strings", 'const char *s = "\\"";\n' + YES + 'const char *t = "\'";\n')
trap("quote in a skipped group", '#if 0\nisn\'t "\n#else\n' + YES + "#endif\n" + "// ' no.h\n")
trap("quote hides a comment start in a skipped group",
     "#if 0\ndon't /*\n#else\n" + YES + "#endif\n/* no.h */\n")
trap("quotes in #error in a skipped group", "#if 0\n#error don't\n#else\n" + YES + "#endif\n")
trap("quotes in #warning", "#warning don't \"\n" + YES)
trap("#error ends it", "#error no\n" + YES, "reject")
trap("broken directives in a skipped group",
     "#if 0\n#foo\n#if (\n#elif ) (\n#endif\n#include <\n#define\n#else\n" + YES + "#endif\n")

_RAW = '#define R\nconst char *b = R"(";\n#include "no.h"\nconst char *c = "x)";\n' + YES
trap("raw string in gnu17", _RAW, gcc="yes.h", clang="no.h yes.h", every=True)
trap("raw string in gnu99", _RAW, gcc="yes.h", clang="no.h yes.h", every=True, args="-std=gnu99")
trap("raw string in gnu90", _RAW, "no.h yes.h", every=True, args="-std=gnu90")
trap("raw string in c99", _RAW, "no.h yes.h", every=True, args="-std=c99")
trap("raw string in c11", _RAW, "no.h yes.h", every=True, args="-std=c11")
trap("raw string in c++98", _RAW, "no.h yes.h", every=True, args="-std=c++98", src="x.cc")
trap("raw string in gnu++98", _RAW, "no.h yes.h", every=True, args="-std=gnu++98", src="x.cc")
trap("raw string in c++11", _RAW, "yes.h", args="-std=c++11", src="x.cc")
trap("raw string hides", 'const char *s = R"x(\n#include "no.h"\n)x";\n' + YES, src="x.cc")
trap("raw string, its end inside", 'const char *s = R"x( )"\n#include "no.h"\n)y" )x";\n' + YES,
     src="x.cc")
trap("raw strings with prefixes", 'auto a = u8R"(\n#include "no.h"\n)"; auto b = LR"(\n'
     '#include "no.h"\n)"; auto c = uR"(\n#include "no.h"\n)"; auto d = UR"(/*)";\n' + YES,
     src="x.cc", args="-std=c++17")
trap("raw string with a comment start", 'auto s = R"(/*)";\n' + YES + "// */\n", src="x.cc")
trap("raw string keeps a splice", 'auto s = R"(\\\n)"; /* )" */\n' + YES, src="x.cc")
trap("raw string in a skipped group", '#if 0\nR"(\n#else\n#include "no.h"\n#endif\n)"\n#endif\n'
     + YES, src="x.cc")
trap("raw string behind a splice", 'auto s = R\\\n"(\n#include "no.h"\n)";\n' + YES, src="x.cc")
trap("raw string in a macro's argument", '#define ID(x) x\nauto s = ID(R"(\n#include "no.h"\n)");\n'
     + YES, src="x.cc")
trap("raw delimiter with a splice", 'auto s = R"a\\\nb(x)ab";\n' + YES, "reject", src="x.cc")
trap("no raw string behind a name", '#define xR\nconst char *b = xR"(";\n#include "yes.h"\n'
     'const char *c = ")"; // no.h\n', src="x.cc")

_SEPARATOR = "#define EAT(...)\nEAT(1'a/*' b)\n#include \"no.h\"\nEAT(/* */)\n" + YES
trap("digit separator in gnu17", _SEPARATOR, "no.h yes.h", every=True)
trap("digit separator in c2x", _SEPARATOR, gcc="yes.h", clang="yes.h", args="-std=c2x")
trap("digit separator in c++11", _SEPARATOR, "no.h yes.h", every=True, src="x.cc",
     args="-std=c++11")
trap("digit separator in c++14", _SEPARATOR, src="x.cc", args="-std=c++14")
trap("digit separator in #if", when("1'000 == 1000"), src="x.cc", args="-std=c++17")
trap("digit separator and a quote", "int a = 1'0'0;\n" + YES + "char c = '0'; // no.h\n",
     src="x.cc")

_TRIGRAPH = '#if 0 // ??/\n#else\n#include "no.h"\n#endif\n' + YES
trap("trigraph splice in gnu17", _TRIGRAPH, "no.h yes.h", every=True)
trap("trigraph splice in c99", _TRIGRAPH, args="-std=c99")
trap("trigraph splice by option", _TRIGRAPH, args="-trigraphs")
trap("trigraph splice in c++14", _TRIGRAPH, src="x.cc", args="-std=c++14")
trap("trigraph splice in c++17", _TRIGRAPH, "no.h yes.h", every=True, src="x.cc",
     args="-std=c++17")
trap("trigraph in a character", when("'??=' == '#'"), "no.h")
trap("trigraph in a character, c11", when("'??=' == '#'"), args="-std=c11")
trap("trigraph hash", '??=include "yes.h"\n', args="-std=c90")
trap("trigraphs by -ansi", when("'??!' == '|'"), args="-ansi")
trap("trigraph in #if", "#if 0 ??!??! 1\n" + YES + "#else\n" + NO + "#endif\n", args="-std=c99")

_DIGRAPH = '#if 0\n%:else\n#include "no.h"\n#endif\n' + YES
trap("digraph hash", '%:include "yes.h"\n')
trap("digraph hash in c90", _DIGRAPH, "yes.h", args="-std=c90")
trap("digraph hash in c99", _DIGRAPH, "no.h yes.h", every=True, args="-std=c99")
trap("digraph hash in gnu90", _DIGRAPH, "no.h yes.h", every=True, args="-std=gnu90")
trap("digraph hash in c++98", _DIGRAPH, "no.h yes.h", every=True, args="-std=c++98", src="x.cc")
trap("digraph paste", "#define CAT(a,b) a%:%:b\n" + when("CAT(1,2) == 12"))
trap("digraph stringise", "#define S(x) %:x\n#include S(yes.h)\n")

trap("CRLF", b'#define A 1\r\n#if A\r\n#include "yes.h"\r\n#else\r\n#include "no.h"\r\n#endif\r\n')
trap("lone CR in a line comment", b'// c\r#include "no.h"\n#include "yes.h"\n',
     "no.h yes.h", every=True)
trap("byte order mark", b'\xef\xbb\xbf#include "yes.h"\n')
trap("byte order mark in a header", '#include "b.h"\n' + ifdef("A"), "b.h yes.h",
     files={"b.h": b"\xef\xbb\xbf#define A\n"})
trap("NUL in a line", b'/*\0*/\n#include "yes.h"\n')
trap("NUL in a directive", b'#include\0"yes.h"\n')
trap("NUL before the hash", b'\0#include "yes.h"\n', gcc="yes.h", clang="yes.h")
trap("form feed and vertical tab", '\f#include "yes.h"\n\v#define\tA\n')
trap("form feed in a directive", '#\finclude\v"yes.h"\n')
trap("no newline at the end", '#include "yes.h"')
trap("no newline at the end of a header", '#include "e.h"\n' + ifdef("A"), "e.h yes.h",
     files={"e.h": "#define A"})
trap("no newline behind #endif", '#include "e.h"\n' + YES, "e.h yes.h",
     files={"e.h": "#if 0\n#endif"})
trap("empty header", '#include "e.h"\n' + YES, "e.h yes.h", files={"e.h": ""})
trap("header that ends in a comment", '#include "e.h"\n' + YES, "reject",
     files={"e.h": "/* without end\n"})
trap("header that ends in a group", '#include "e.h"\n#endif\n' + YES, "reject",
     files={"e.h": "#if 1\n"})

trap("UTF-8 name", "#define é 1\n" + ifdef("é"))
trap("UTF-8 name in an expression", "#define größe(x) x\n" + when("größe(1)"))
trap("UCN and UTF-8 are one name", "#define \\u00e9 1\n" + ifdef("é"), unknown=("UCN", "universal",
     "\\u"))
trap("UCN name", "#define \\u00e9 1\n" + ifdef("\\u00e9"), unknown=("UCN", "universal", "\\u"))
trap("long UCN name", "#define a\\U000000e9 1\n" + when("a\\u00e9"),
     unknown=("UCN", "universal", "\\u"))
trap("dollar in a name", "#define a$b 1\n" + ifdef("a$b"))
trap("no dollars in names", "#define a$b 1\n" + ifdef("a"), args="-fno-dollars-in-identifiers")
trap("hash not first in the line", '#define EAT(...)\nEAT(x #include "no.h"\n)\n' + YES)
trap("null directive", "#\n# /* c */\n#if 1\n#\n" + YES + "#else\n" + NO + "#endif\n")
trap("line marker", '# 33 "other.h"\n' + when("__LINE__ == 33"))
trap("line marker, and the includer's directory", '# 3 "sub/other.h"\n' + YES,
     files={"sub/yes.h": "/* sub */\n"}, unknown=("#line", "line marker"))
trap("#ident and #sccs", "#ident \"it's\"\n#sccs \"x\"\n" + YES)
trap("name in a string", 'const char *s = "#include \\"no.h\\"";\n' + YES)
trap("slashes in a header name", "#include <x//yes.h>\n", "x/yes.h", args="-I.",
     files={"x/yes.h": "/* x */\n"})
trap("comment start in a header name", "#include <x/*y.h>\n" + YES + "/* */\n", "x/*y.h yes.h",
     args="-I.", files={"x/*y.h": "/* x */\n"})
trap("backslash in a header name", '#include "a\\b.h"\n', "a\\b.h", clang=None,
     files={"a\\b.h": "/* x */\n"})
trap("words behind a header name", '#include "yes.h" no.h\n')
trap("blank in a header name", '#include "a b.h"\n', "a b.h", files={"a b.h": "/* x */\n"})
trap("blanks around a header name", '#include < yes.h >\n', " yes.h ", args="-I.",
     files={" yes.h ": "/* x */\n"})
trap("no blank before a header name", '#include"yes.h"\n#include<no2.h>\n', "yes.h no2.h",
     args="-I.", files={"no2.h": "/* x */\n"})
trap("long line", "#if " + "0 || " * 20000 + "1\n" + YES + "#else\n" + NO + "#endif\n")
trap("many lines in a directive", "#if " + "0 || \\\n" * 2000 + "1\n" + YES + "#else\n" + NO
     + "#endif\n")

_ASM = "# it's a comment \"\n  it's: .ascii \"a\" // '\n"
trap("assembler: quotes anywhere", "# it's a comment \"\n.ascii \"a\" // '\n" + YES, src="x.S")
trap("assembler: no directive", "# define A is what this does not do\n# if only\n" + ifdef("A"),
     "reject", src="x.S")
trap("assembler: comments with hashes", "# 1 comment\n#nothing of the sort\n" + YES, src="x.S")
trap("assembler: a name is defined", ifdef("__ASSEMBLER__"), src="x.S")
trap("assembler by -x", ifdef("__ASSEMBLER__"), src="x.c", args="-x assembler-with-cpp")
trap("assembler: no ASSEMBLER in C", ifdef("__ASSEMBLER__"), "no.h")
trap("assembler: quote over a line end", ".ascii \"a\n#include \"yes.h\"\n.ascii b\"\n",
     src="x.S", make_object=True, gcc="reject", clang="reject")
