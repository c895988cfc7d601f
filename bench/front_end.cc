// SPDX-License-Identifier: GPL-3.0-or-later
//
// clang's front end, kept: "clang -cc1" for one file after another in one process. What it runs is
// what the program runs (libclang-cpp, the same arguments); only starting it, and the pages that a
// fork of so large a program copies, are left out. Same requests as zygote.c:
//
//	request on fd 0: uint32 length, then "errors-file\0cwd\0argv0\0-cc1\0argv2\0…"
//	reply on fd 1:   int32, 0 or 1
//
// A crash ends it; who asks starts another.

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "clang/Basic/DiagnosticIDs.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/TextDiagnosticBuffer.h"
#include "clang/FrontendTool/Utils.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

static bool read_all(void *data, size_t n)
{
	for (char *p = static_cast<char *>(data); n > 0;) {
		ssize_t r = read(0, p, n);
		if (r <= 0)
			return false;
		p += r;
		n -= static_cast<size_t>(r);
	}
	return true;
}

static bool compile(const std::vector<const char *> &words)
{
	auto options = llvm::makeIntrusiveRefCnt<clang::DiagnosticOptions>();
	auto *early = new clang::TextDiagnosticBuffer;
	clang::DiagnosticsEngine diagnostics(
		llvm::makeIntrusiveRefCnt<clang::DiagnosticIDs>(), options, early);
	clang::CompilerInstance instance;

	bool good = clang::CompilerInvocation::CreateFromArgs(
		instance.getInvocation(), llvm::makeArrayRef(words).slice(2), diagnostics, words[0]);
	instance.getFrontendOpts().DisableFree = false;
	instance.createDiagnostics();
	early->FlushDiagnostics(instance.getDiagnostics());
	return good && clang::ExecuteCompilerInvocation(&instance);
}

int main()
{
	llvm::InitializeAllTargetInfos();
	llvm::InitializeAllTargets();
	llvm::InitializeAllTargetMCs();
	llvm::InitializeAllAsmPrinters();
	llvm::InitializeAllAsmParsers();
	mallopt(M_MMAP_THRESHOLD, 1 << 30); // what one file has touched serves the next
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	int reply_fd = dup(1);
	uint32_t n;
	while (read_all(&n, sizeof n)) {
		if (n > 1 << 20)
			return 1;
		std::vector<char> request(n + 1);
		if (!read_all(request.data(), n))
			return 1;
		std::vector<const char *> words;
		for (const char *p = request.data(), *end = p + n; p < end; p += strlen(p) + 1)
			words.push_back(p);
		int errors = words.size() > 4 ? open(words[0], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
		if (errors < 0 || chdir(words[1]) != 0)
			return 1;
		dup2(errors, 1);
		dup2(errors, 2);
		close(errors);
		words.erase(words.begin(), words.begin() + 2);
		int32_t reply = compile(words) ? 0 : 1;
		llvm::errs().flush();
		llvm::outs().flush();
		if (write(reply_fd, &reply, sizeof reply) != sizeof reply)
			return 1;
	}
	return 0;
}
