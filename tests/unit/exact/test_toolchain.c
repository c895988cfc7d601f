/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/path.h"
#include "exact/ask.h"
#include "exact/closure.h"
#include "exact/elf_interpreter.h"
#include "exact/toolchain.h"

/*
 * A small file system under a temporary root:
 *	usr/bin/gcc -> gcc-12 -> x86-gcc-12, a script		bin -> usr/bin
 *	usr/bin/clang -> ../lib/llvm/bin/clang			lib -> usr/lib
 *	usr/lib/libx.so -> ROOT/lib/libx.so.1 -> libx.so.1.0	loop -> loop, gone -> nothing
 */

static char root[] = "/tmp/exact-toolchain-XXXXXX";

static char *at(const char *name)
{
	char *path = path_join(root, name);

	assert_non_null(path);
	return path;
}

static void make_file(const char *name, const void *content, size_t n, mode_t mode)
{
	AUTO(util_free) char *path = at(name);
	AUTO(util_free) char *dir = path_dir(path);
	AUTO(util_close) int fd = -1;

	assert_int_equal(fs_mkdirs(dir, 0700), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, content, n), 0);
}

static void make_program(const char *name, const char *text)
{
	make_file(name, text, strlen(text), 0700);
}

static void make_link(const char *name, const char *target)
{
	AUTO(util_free) char *path = at(name);

	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	AUTO(util_free) char *absolute = NULL;

	assert_non_null(mkdtemp(root));
	absolute = at("lib/libx.so.1");
	make_program("usr/bin/x86-gcc-12", "#!/bin/sh\n");
	make_link("usr/bin/gcc-12", "x86-gcc-12");
	make_link("usr/bin/gcc", "gcc-12");
	make_program("usr/lib/llvm/bin/clang", "#!/bin/sh\n");
	make_link("usr/bin/clang", "../lib/llvm/bin/clang");
	make_link("bin", "usr/bin");
	make_link("lib", "usr/lib");
	make_file("usr/lib/libx.so.1.0", "x", 1, 0600);
	make_link("usr/lib/libx.so.1", "libx.so.1.0");
	make_link("usr/lib/libx.so", absolute);
	make_link("loop", "loop");
	make_link("gone", "nothing");
	return 0;
}

static int teardown(void **state)
{
	return fs_remove_tree(root);
}

/* The set as lines, without the root: "link bin usr/bin", "file …", "program …", "dir …". */
static void show(const struct toolchain *t, struct buf *ret)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct toolchain_entry *e = &t->entries[i];
		const char *kind = e->kind == TOOLCHAIN_LINK        ? "link"
				   : e->kind == TOOLCHAIN_DIRECTORY ? "dir"
				   : e->executable                  ? "program"
								    : "file";
		const char *target = e->target ? e->target : "";
		size_t skip = str_starts(target, root) ? strlen(root) : 0;

		assert_true(str_starts(e->path, root));
		assert_true(i == 0 || strcmp(t->entries[i - 1].path, e->path) < 0);
		assert_int_equal(buf_printf(ret, "%s %s%s%s\n", kind, e->path + strlen(root) + 1,
					 *target ? " " : "", target + skip),
			0);
	}
}

static void test_walk(void **state)
{
	static const struct {
		const char *path, *want, *real;
	} rows[] = {
		{"usr/bin/gcc",
			"link usr/bin/gcc gcc-12\nlink usr/bin/gcc-12 x86-gcc-12\n"
			"program usr/bin/x86-gcc-12\n",
			"usr/bin/x86-gcc-12"},
		{"bin/clang",
			"link bin usr/bin\ndir usr/bin\nlink usr/bin/clang ../lib/llvm/bin/clang\n"
			"program usr/lib/llvm/bin/clang\n",
			"usr/lib/llvm/bin/clang"},
		{"lib/libx.so",
			"link lib usr/lib\nlink usr/lib/libx.so /lib/libx.so.1\n"
			"link usr/lib/libx.so.1 libx.so.1.0\nfile usr/lib/libx.so.1.0\n",
			"usr/lib/libx.so.1.0"},
		{"usr//lib/./llvm/../libx.so.1.0", "file usr/lib/libx.so.1.0\ndir usr/lib/llvm\n",
			"usr/lib/libx.so.1.0"},
		/* Out of a link is out of where it leads. */
		{"bin/../lib/", "link bin usr/bin\ndir usr/bin\ndir usr/lib\n", "usr/lib"},
		{"loop", NULL, NULL},
		{"gone", NULL, NULL},
		{"usr/bin/gcc/", NULL, NULL},
		{"usr/bin/gcc/x", NULL, NULL},
		{"usr/nothing/../bin/gcc", NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(closure_fini) struct closure c = CLOSURE_INIT;
		AUTO(buf_fini) struct buf got = BUF_INIT;
		AUTO(util_free) char *path = NULL;
		AUTO(util_free) char *real = NULL;
		int r;

		assert_true(asprintf(&path, "%s/%s", root, rows[i].path) > 0);
		r = closure_add(&c, path, &real);
		show(&c.toolchain, &got);
		assert_int_equal(r, rows[i].want ? 0 : CLOSURE_MISSING);
		assert_string_equal(buf_str(&got), rows[i].want ? rows[i].want : "");
		if (rows[i].real)
			assert_string_equal(real + strlen(root) + 1, rows[i].real);
	}
}

static void test_walk_is_a_set(void **state)
{
	AUTO(closure_fini) struct closure c = CLOSURE_INIT;
	AUTO(util_free) char *path = at("lib/libx.so");
	AUTO(util_free) char *tree = at("lib");
	size_t n;

	assert_int_equal(closure_add(&c, path, NULL), 0);
	n = c.toolchain.n;
	assert_int_equal(closure_add(&c, path, NULL), 0);
	assert_int_equal(c.toolchain.n, n);
	assert_int_equal(closure_add_tree(&c, tree), 0);
	/* usr/lib, usr/lib/llvm, llvm/bin, and clang */
	assert_int_equal(c.toolchain.n, n + 4);
	assert_int_equal(closure_add(&c, "/dev/null", NULL), CLOSURE_MISSING);
	assert_int_equal(closure_add(&c, "relative", NULL), -EINVAL);
}

/* A program of one segment, and the words that it names. */
struct image {
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	char path[32];
};

static struct image good_image(void)
{
	unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	struct image m = {.head = {.e_type = ET_DYN,
				  .e_phoff = offsetof(struct image, segment),
				  .e_phentsize = sizeof(Elf64_Phdr),
				  .e_phnum = 1},
		.segment = {.p_type = PT_INTERP,
			.p_offset = offsetof(struct image, path),
			.p_filesz = sizeof("/lib/ld.so")},
		.path = "/lib/ld.so"};

	memcpy(m.head.e_ident, ELFMAG, SELFMAG);
	m.head.e_ident[EI_CLASS] = ELFCLASS64;
	m.head.e_ident[EI_DATA] = order;
	m.head.e_ident[EI_VERSION] = EV_CURRENT;
	return m;
}

static int read_image(const void *image, size_t n, char **ret)
{
	AUTO(util_free) char *path = at("image");

	make_file("image", image, n, 0700);
	return elf_file_interpreter(path, ret);
}

static void test_elf(void **state)
{
	struct image m = good_image();
	char *loader = NULL;

	assert_int_equal(read_image(&m, sizeof(m), &loader), 0);
	assert_string_equal(loader, "/lib/ld.so");
	free(loader);
	m.segment.p_type = PT_LOAD;
	assert_int_equal(read_image(&m, sizeof(m), &loader), 0);
	assert_null(loader);
}

static void test_elf_narrow(void **state)
{
	struct image wide = good_image();
	struct {
		Elf32_Ehdr head;
		Elf32_Phdr segments[2];
		char path[32];
	} m = {.head = {.e_type = ET_EXEC,
		       .e_phoff = sizeof(Elf32_Ehdr),
		       .e_phentsize = sizeof(Elf32_Phdr),
		       .e_phnum = 2},
		.segments = {{.p_type = PT_LOAD},
			{.p_type = PT_INTERP,
				.p_offset = sizeof(m.head) + sizeof(m.segments),
				.p_filesz = sizeof("/lib/ld.so")}},
		.path = "/lib/ld.so"};
	AUTO(util_free) char *loader = NULL;

	memcpy(m.head.e_ident, wide.head.e_ident, EI_NIDENT);
	m.head.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(read_image(&m, sizeof(m), &loader), 0);
	assert_string_equal(loader, "/lib/ld.so");
}

static void test_elf_truncated(void **state)
{
	struct image m = good_image();
	char *loader = NULL;

	for (size_t n = 0; n < offsetof(struct image, path) + sizeof("/lib/ld.so"); n++)
		assert_int_equal(read_image(&m, n, &loader), ELF_OTHER);
	assert_null(loader);
}

#define DAMAGED(field, value)                                                    \
	do {                                                                     \
		struct image m = good_image();                                   \
		char *loader = NULL;                                             \
                                                                                 \
		m.field = (value);                                               \
		assert_int_equal(read_image(&m, sizeof(m), &loader), ELF_OTHER); \
		assert_null(loader);                                             \
	} while (0)

static void test_elf_damaged(void **state)
{
	DAMAGED(head.e_ident[0], '#');
	DAMAGED(head.e_ident[EI_CLASS], 3);
	DAMAGED(head.e_ident[EI_DATA], ELFDATANONE);
	DAMAGED(head.e_ident[EI_VERSION], 2);
	DAMAGED(head.e_type, ET_REL);
	DAMAGED(head.e_phnum, 0);
	DAMAGED(head.e_phnum, PN_XNUM);
	DAMAGED(head.e_phentsize, sizeof(Elf32_Phdr));
	DAMAGED(head.e_phoff, UINT64_MAX);
	DAMAGED(head.e_phoff, UINT64_MAX - 60);
	DAMAGED(head.e_phoff, INT64_MAX);
	DAMAGED(segment.p_offset, UINT64_MAX);
	DAMAGED(segment.p_offset, sizeof(struct image));
	DAMAGED(segment.p_filesz, 0);
	DAMAGED(segment.p_filesz, 1);
	DAMAGED(segment.p_filesz, sizeof("/lib/ld.so") - 1);
	DAMAGED(segment.p_filesz, UINT64_MAX);
	DAMAGED(path[0], 'l');
}

static void test_ask(void **state)
{
	static const struct {
		const char *script, *out;
		bool stderr_wanted;
		int outcome;
	} rows[] = {
		{"echo out; echo err >&2", "out\n", false, 0},
		{"echo out; echo err >&2", "err\n", true, 0},
		{"sleep 1000 & echo out", "out\n", false, 0},
		{"echo out; exit 1", "out\n", false, ASK_FAILED},
		{"kill -9 $$", "", false, ASK_FAILED},
	};
	char *const envp[] = {NULL};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(buf_fini) struct buf said = BUF_INIT_MAX(ASK_OUTPUT_MAX);
		const char *argv[] = {"sh", "-c", rows[i].script, NULL};
		struct ask q = {"/bin/sh", (char *const *)argv, envp, "/", rows[i].stderr_wanted};

		assert_int_equal(ask(&q, &said), rows[i].outcome);
		assert_string_equal(buf_str(&said), rows[i].out);
	}
}

static void test_ask_too_much(void **state)
{
	AUTO(buf_fini) struct buf said = BUF_INIT_MAX(1 << 16);
	const char *argv[] = {"sh", "-c", "while :; do echo yes; done", NULL};
	char *const envp[] = {NULL};
	struct ask q = {"/bin/sh", (char *const *)argv, envp, "/", false};

	assert_int_equal(ask(&q, &said), ASK_FAILED);
	q.program = "/nothing";
	assert_int_equal(ask(&q, &said), ASK_FAILED);
}

enum { WORDS = 8 };

/* A request of a command, its environment as NAME=value. */
struct question {
	const char *compiler;
	const char *words[WORDS];
	const char *env[WORDS];
	const char *cwd;
};

static void parse(const struct question *q, struct cc_command *ret)
{
	enum cc_family family = strstr(q->compiler, "clang") ? CC_FAMILY_CLANG : CC_FAMILY_GCC;
	const char *argv[WORDS + 4] = {q->compiler};
	size_t n = 1;

	for (size_t i = 0; i < WORDS && q->words[i]; i++)
		argv[n++] = q->words[i];
	argv[n] = "a.c";
	assert_int_equal(
		cc_command_parse_as(family, (char *const *)argv, "/", (char *const *)q->env, ret),
		0);
}

static char *key(const struct question *q)
{
	AUTO(cc_command_fini) struct cc_command command = {.n_args = 0};
	struct buf b = BUF_INIT;
	struct toolchain_request request = {
		q->compiler, &command, q->cwd ? q->cwd : "/a", (char *const *)q->env};

	parse(q, &command);
	assert_int_equal(toolchain_key(&request, &b), 0);
	return buf_take(&b);
}

static void test_key(void **state)
{
	static const struct question base = {"/usr/bin/gcc", {"-c", "-m32"}, {"PATH=/bin"}};
	static const struct {
		struct question q;
		bool same;
	} rows[] = {
		{{"/usr/bin/gcc", {"-c", "-m32"}, {"PATH=/bin"}, "/b"}, true},
		{{"/usr/bin/gcc", {"-O2", "-c", "-m32", "-Ix"}, {"PATH=/bin"}}, true},
		{{"/usr/bin/gcc", {"-c", "-m32"}, {"HOME=/x", "PATH=/bin"}}, true},
		{{"/usr/bin/gcc", {"-S", "-m32"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m64"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32", "-flto"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32", "-gsplit-dwarf"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32", "--sysroot=/x"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32", "--sysroot", "/x"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32", "-Bx"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-xc++", "-c", "-m32"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc-12", {"-c", "-m32"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/clang", {"-c", "-m32"}, {"PATH=/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32"}, {"PATH=/usr/bin"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32"}, {"PATH=/bin", "LANG=de_DE.UTF-8"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32"}, {"PATH=/bin", "LANGUAGE=de"}}, false},
		{{"/usr/bin/gcc", {"-c", "-m32"}, {"PATH=/bin", "LD_PRELOAD=x"}}, false},
	};
	AUTO(util_free) char *want = key(&base);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *got = key(&rows[i].q);

		if (str_eq(got, want) != rows[i].same)
			fail_msg("row %zu: %s", i, got);
	}
}

/* The current directory is in it only where it matters. */
static void test_key_directory(void **state)
{
	static const struct {
		const char *option, *env;
		bool same;
	} rows[] = {
		{"--sysroot=/x", "PATH=/bin:/usr/bin", true},
		{"--sysroot=x", "PATH=/bin", false},
		{"-O2", "PATH=/bin:bin", false},
		{"-O2", "PATH=/bin:", false},
		{"-O2", "PATH=", false},
		{"-O2", "LIBRARY_PATH=/x:y", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct question q = {"/usr/bin/gcc", {"-c", rows[i].option}, {rows[i].env}, "/a"};
		AUTO(util_free) char *a = key(&q);
		AUTO(util_free) char *b = NULL;

		q.cwd = "/b";
		b = key(&q);
		assert_int_equal(str_eq(a, b), rows[i].same);
	}
}

static void test_refused(void **state)
{
	static const struct {
		struct question q;
		const char *want;
	} rows[] = {
		{{"/usr/bin/gcc", {"-c", "-specs=/nothing"}, {NULL}}, "no answer"},
		{{"/usr/bin/gcc", {"-c", "-wrapper", "x"}, {NULL}}, "-wrapper"},
		{{"/usr/bin/gcc", {"-c", "-B", "x"}, {NULL}}, "-B"},
		{{"/usr/bin/gcc", {"-c", "-fplugin=./x"}, {NULL}}, "there is no /./x"},
		{{"/usr/bin/gcc", {"-c", "-finput-charset=latin1"}, {NULL}}, "latin1"},
		{{"/usr/bin/clang", {"-c", "--config", "x"}, {NULL}}, "--config"},
		{{"/usr/bin/clang", {"-c", "-Xclang", "-load", "-Xclang", "x"}, {NULL}}, "-load"},
		{{"/usr/bin/gcc", {"-c"}, {"GCC_EXEC_PREFIX="}}, "GCC_EXEC_PREFIX"},
		{{"/usr/bin/gcc", {"-c"}, {"COMPILER_PATH=/x"}}, "COMPILER_PATH"},
		{{"/usr/bin/gcc", {"-c"}, {"LD_LIBRARY_PATH=/x"}}, "LD_LIBRARY_PATH"},
		{{"/usr/bin/gcc", {"-c"}, {"LD_PRELOAD=x.so"}}, "LD_PRELOAD"},
		{{"/usr/bin/gcc", {"-E"}, {NULL}}, "no compile"},
		{{"gcc", {"-c"}, {NULL}}, "absolute"},
		{{"/nothing/gcc", {"-c"}, {NULL}}, "/nothing/gcc"},
		/* What looks like one, and is another's value. */
		{{"/nothing/gcc", {"-c", "-o", "-Bx"}, {NULL}}, "there is no"},
		{{"/nothing/gcc", {"-c", "-finput-charset=utf-8"}, {NULL}}, "there is no"},
		{{"/nothing/gcc", {"-c"}, {"LD_LIBRARY_PATH="}}, "there is no"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(cc_command_fini) struct cc_command command = {.n_args = 0};
		AUTO(util_free) char *reason = NULL;
		struct toolchain_request request = {
			rows[i].q.compiler, &command, "/", (char *const *)rows[i].q.env};
		struct toolchain t;

		parse(&rows[i].q, &command);
		assert_int_equal(toolchain_find(&request, &t, &reason), TOOLCHAIN_UNKNOWN);
		if (!strstr(reason, rows[i].want))
			fail_msg("row %zu: %s", i, reason);
	}
}

static void test_script(void **state)
{
	AUTO(cc_command_fini) struct cc_command command = {.n_args = 0};
	AUTO(util_free) char *reason = NULL;
	AUTO(util_free) char *compiler = at("bin/gcc");
	struct question q = {compiler, {"-c"}, {NULL}};
	struct toolchain_request request = {compiler, &command, "/", (char *const *)q.env};
	struct toolchain t;

	parse(&q, &command);
	assert_int_equal(toolchain_find(&request, &t, &reason), TOOLCHAIN_UNKNOWN);
	assert_non_null(strstr(reason, "no program of this machine"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_walk_is_a_set),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_narrow),
		cmocka_unit_test(test_elf_truncated),
		cmocka_unit_test(test_elf_damaged),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_ask_too_much),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_key_directory),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_script),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
