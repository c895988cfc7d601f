# SPDX-License-Identifier: GPL-3.0-or-later
"""
A Bazel workspace of C and C++ libraries, binaries and tests that builds without any network: the
repositories that Bazel wants from elsewhere are stand-ins of a few lines.
"""

from pathlib import Path

LIBRARIES = 12  # of C, and as many of C++
GENERATED = 3

_CC = ("cc_binary", "cc_import", "cc_library", "cc_test", "objc_library", "cc_proto_library",
       "cc_toolchain", "cc_toolchain_suite", "objc_import", "fdo_prefetch_hints", "fdo_profile",
       "cc_toolchain_import")
_JAVA = ("java_binary", "java_library", "java_import", "java_test", "java_proto_library",
         "java_plugin", "java_runtime", "java_toolchain", "java_package_configuration",
         "java_lite_proto_library")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _rules(top: Path, folder: str, names) -> None:
    _write(top / "WORKSPACE", "")
    _write(top / folder / "BUILD", "")
    _write(top / folder / "defs.bzl", "".join(
        f"def {n}(**k):\n    native.{n}(**k)\n" for n in names if n not in ("cc_toolchain_import",)))


def stand_ins(top: Path) -> list[str]:
    """Options that put them in the place of what cannot be fetched."""
    _rules(top / "rules_cc", "cc", _CC)
    _rules(top / "rules_java", "java", _JAVA)
    _write(top / "remote_coverage_tools/WORKSPACE", "")
    _write(top / "remote_coverage_tools/BUILD", "".join(
        f'filegroup(name = "{n}", visibility = ["//visibility:public"])\n'
        for n in ("coverage_report_generator", "lcov_merger")))
    return [f"--override_repository={n}={top / n}"
            for n in ("rules_cc", "rules_java", "remote_coverage_tools")]


def _library(language: str, number: int, salt: str) -> tuple[str, dict[str, str]]:
    """Each uses two of lower number; headers include headers."""
    name = f"{language}{number}"
    suffix = "c" if language == "c" else "cc"
    below = sorted({number - 1, number // 2} - {number, -1})
    includes = "".join(f'#include "lib/{language}{b}.h"\n' for b in below)
    calls = "".join(f" + {language}{b}_value(x)" for b in below)
    extern = 'extern "C" ' if language == "cxx" else ""
    body = "#include <string>\n" if language == "cxx" else "#include <string.h>\n"
    value = f'std::string("{name} {salt}").size()' if language == "cxx" \
        else f'strlen("{name} {salt}")'
    files = {
        f"lib/{name}.h": f"#pragma once\n{includes}{extern}int {name}_value(int x);\n",
        f"lib/{name}.{suffix}":
            f'{body}#include "lib/{name}.h"\nint {name}_value(int x) '
            f"{{ return x + {number} + (int){value}{calls}; }}\n",
    }
    deps = ", ".join(f'":{language}{b}"' for b in below)
    return (f'cc_library(name = "{name}", srcs = ["{name}.{suffix}"], hdrs = ["{name}.h"],\n'
            f'    deps = [{deps}], visibility = ["//visibility:public"])\n', files)


def make(top: Path, salt: str) -> int:
    """The number of targets. salt: no other workspace has the same actions."""
    build, targets = "", 0
    for language in ("c", "cxx"):
        for number in range(LIBRARIES):
            rule, files = _library(language, number, salt)
            build += rule
            targets += 1
            for path, text in files.items():
                _write(top / path, text)
    _write(top / "lib/BUILD", build)
    last = LIBRARIES - 1
    app = ""
    for language, suffix in (("c", "c"), ("cxx", "cc")):
        name = f"{language}{last}"
        _write(top / f"app/{language}_main.{suffix}",
               f'#include <stdio.h>\n#include "lib/{name}.h"\n'
               f'int main(void) {{ printf("%d\\n", {name}_value(1)); return 0; }}\n')
        _write(top / f"app/{language}_test.{suffix}",
               f'#include "lib/{name}.h"\n'
               f"int main(void) {{ return {name}_value(2) - {name}_value(1) <= 0; }}\n")
        app += (f'cc_binary(name = "{language}_main", srcs = ["{language}_main.{suffix}"], '
                f'deps = ["//lib:{name}"])\n'
                f'cc_test(name = "{language}_test", srcs = ["{language}_test.{suffix}"], '
                f'deps = ["//lib:{name}"])\n')
        targets += 2
    for number in range(GENERATED):
        app += (f'genrule(name = "gen{number}", outs = ["gen{number}.c"], tools = [":c_main"],\n'
                f'    cmd = "echo \\"int gen{number} = $$($(location :c_main));\\" > $@")\n'
                f'cc_library(name = "genlib{number}", srcs = [":gen{number}"])\n')
        targets += 2
    _write(top / "app/BUILD", app)
    _write(top / "WORKSPACE", 'workspace(name = "ws")\n')
    return targets
