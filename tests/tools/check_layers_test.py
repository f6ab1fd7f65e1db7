#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import unittest

from source_tree import SourceTreeTest


class CheckLayers(SourceTreeTest):
    checker = "check_layers"

    def setUp(self):
        super().setUp()
        self.write("include/weft/error.h", "#include <system_error>\n")
        self.write("src/base/fd.h", "#include <weft/error.h>\n")
        self.write("src/io/socket.h", '#include "base/fd.h"\n#include <sys/socket.h>\n')
        self.write("apps/lab/run.h", "#include <weft/error.h>\n")
        self.write("apps/cli/clients.cpp", '#include "lab/run.h"\n')
        self.assert_clean()

    def test_include_upward(self):
        self.write("src/base/fd.cpp", '\n#include "io/socket.h"\n')
        self.assert_finding("src/base/fd.cpp:2:", "upward")

    def test_include_upward_in_a_comment_is_none(self):
        self.write("src/base/fd.cpp", '/*\n#include "io/socket.h"\n*/\n// #include "io/socket.h"\n')
        self.assert_clean()

    def test_layers_of_the_same_level(self):
        self.write("src/process/zygote.h")
        self.write("src/coro/task.cpp", '#include "process/zygote.h"\n')
        self.assert_finding("src/coro/task.cpp:1:", "upward")

    def test_unknown_folder(self):
        self.write("src/misc/a.cpp", '#include "base/fd.h"\n')
        self.assert_finding("src/misc", "no layer")

    def test_relative_include(self):
        self.write("src/base/fd.cpp", '#include "fd.h"\n')
        self.assert_finding('"fd.h" is not a path below src/')

    def test_public_header_that_includes_a_private_one(self):
        self.write("include/weft/socket.h", '#include "base/fd.h"\n')
        self.assert_finding("include/weft/socket.h:1:", "public header")

    def test_public_header_that_does_not_exist(self):
        self.write("apps/lab/a.cpp", "#include <weft/nothing.h>\n")
        self.assert_finding("<weft/nothing.h> does not exist")

    def test_application_that_includes_a_private_header(self):
        for text in ('#include "base/fd.h"\n', '#include "../../src/base/fd.h"\n'):
            self.write("apps/lab/a.cpp", text)
            self.assert_finding("apps/lab/a.cpp:1:", "private to the library")

    def test_application_that_includes_what_is_no_api(self):
        self.write("include/weft/detail/part.h")
        self.write("apps/lab/a.cpp", "#include <weft/detail/part.h>\n")
        self.assert_finding("apps/lab/a.cpp:1:", "no API")

    def test_application_that_includes_another(self):
        self.write("apps/lab/a.cpp", '#include "cli/commands.h"\n')
        self.write("apps/cli/commands.h")
        self.assert_finding("apps/lab may not use apps/cli")

    def write_pool(self):
        for folder in ("wire", "auth", "backend", "session", "admin", "config", "metrics", "sql"):
            self.write(f"apps/pool/{folder}/{folder}.h")
        self.write("apps/pool/service.h")

    def test_the_pooler_uses_what_is_below(self):
        self.write_pool()
        self.write("apps/pool/admin/a.cpp",
                   '#include "session/session.h"\n#include "wire/wire.h"\n#include "sql/sql.h"\n')
        self.write("apps/pool/backend/a.cpp",
                   '#include "auth/auth.h"\n#include "backend.h"\n#include "config/config.h"\n')
        self.write("apps/pool/metrics/a.cpp", '#include "config/config.h"\n#include "metrics.h"\n')
        self.write("apps/pool/main.cpp", '#include "admin/admin.h"\n#include "service.h"\n')
        self.assert_clean()

    def test_the_pooler_upward(self):
        self.write_pool()
        for low, high in (("wire", "auth"), ("auth", "backend"), ("wire", "session"),
                          ("backend", "session"), ("session", "admin")):
            file = f"apps/pool/{low}/a.cpp"
            self.write(file, f'#include "{high}/{high}.h"\n')
            self.assert_finding(f"{file}:1:", "upward", f"apps/pool/{low} is below")
            self.write(file)

    def test_the_pooler_what_stands_aside(self):
        self.write_pool()
        for folder in ("config", "metrics", "sql"):
            file = f"apps/pool/{folder}/a.cpp"
            self.write(file, '\n#include "wire/wire.h"\n')
            self.assert_finding(f"{file}:2:", f"apps/pool/{folder} stands aside")
            self.write(file)

    def test_the_pooler_only_files_beside_the_folders_know_all(self):
        self.write_pool()
        self.write("apps/pool/admin/a.cpp", '#include "../service.h"\n')
        self.assert_finding("apps/pool/admin/a.cpp:1:", "directly in apps/pool")

    def test_the_pooler_a_folder_without_a_place(self):
        self.write_pool()
        self.write("apps/pool/misc/a.cpp", '#include "wire/wire.h"\n')
        self.assert_finding("apps/pool/misc/a.cpp:1:", "no place in the order")

    def test_atomic(self):
        self.write("src/base/atomic.h", "template <class T> using atomic = std::atomic<T>;\n")
        self.write("src/io/a.cpp", 'auto text = "std::atomic";  // std::atomic\n')
        self.write("apps/lab/a.cpp", "std::atomic<int> in_an_application;\n")
        self.assert_clean()
        for use in ("std::atomic<int> x;", "std::atomic_ref y(z);", "std::memory_order_relaxed"):
            self.write("src/io/a.cpp", "int a = 1'000;\n" + use)
            self.assert_finding("src/io/a.cpp:2:", "src/base/atomic.h")

    def test_what_tests_share_may_name_it_all(self):
        use = "std::atomic<int> a;\nauto b = std::chrono::steady_clock::now();\n"
        for name in ("a_test.cpp", "a_test_support.h", "a_test_support.cpp"):
            self.write(f"src/io/{name}", use)
        self.assert_clean()
        self.write("src/io/test_support.h", "std::atomic<int> a;\n")
        self.assert_finding("src/io/test_support.h:1:", "src/base/atomic.h")

    def test_clock(self):
        self.write("src/base/clock.h", "auto now() { return std::chrono::steady_clock::now(); }\n")
        self.write("include/weft/time.h", "using clock = std::chrono::steady_clock;\n")
        self.write("src/io/a_test.cpp", "auto a = std::chrono::steady_clock::now();\n")
        self.assert_clean()
        for use in ("std::chrono::steady_clock::now()", "clock::now()",
                    "::clock_gettime(CLOCK_MONOTONIC, &t)", "__rdtsc()"):
            self.write("include/weft/time.h", use)
            self.assert_finding("include/weft/time.h:1:", "clock")


if __name__ == "__main__":
    unittest.main()
