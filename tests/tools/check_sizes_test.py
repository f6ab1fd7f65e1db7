#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import unittest

from source_tree import SourceTreeTest


def body(lines: int) -> str:
    """A block of that many lines, braces included."""
    return "{\n" + "    int x{}; if (x) { x = '{'; }\n" * (lines - 2) + "}\n"


class CheckSizes(SourceTreeTest):
    checker = "check_sizes"

    def assert_limit(self, before: str, name: str, after: str = ""):
        """60 lines pass and 61 do not, for a function that begins with `before` (one line)."""
        self.write("src/base/a.cpp", before + " " + body(60) + after)
        self.assert_clean()
        self.write("src/base/a.cpp", before + " " + body(61) + after)
        self.assert_finding(f"src/base/a.cpp:{name}: 61 lines")

    def test_functions(self):
        self.assert_limit("int f(int a)", "f")
        self.assert_limit("namespace a::b { class c { int f(int a = 3) const noexcept", "f", "};}")
        self.assert_limit("template <class T = a<b>, class U> auto f(T t) -> std::vector<T>", "f")
        self.assert_limit("bool operator==(const a& x, const a& y)", "operator==")
        self.assert_limit("struct s { public: bool operator()(int x) const", "operator()", "};")
        self.assert_limit("a::a(int x) : b(x), c_{x}, d_{}", "a::a")
        self.assert_limit("a::~a()", "a::~a")
        self.assert_limit('extern "C" { [[noreturn]] void f()', "f", "}")
        self.assert_limit("constexpr auto f = [](int x)", "f", ";")
        self.assert_limit("TEST(suite, name)", "TEST(suite,name)")
        self.assert_limit("int a[] = {1, 2}; std::atomic<int> b{0}; struct c *f()", "f")
        self.assert_limit("void g(int); enum class e : int { x, y }; void f(h x = {})", "f")

    def test_containers_and_tables_may_be_long(self):
        for head in ("namespace a", "struct a final : b<int>", "enum class a : char",
                     "constexpr int a[] =", "template <int (*F)()> class [[nodiscard]] a"):
            self.write("src/base/a.h", head + " {\n" + "\n" * 100 + "};\n")
            self.assert_clean()

    def test_both_branches_of_an_if_are_measured(self):
        self.write("src/base/a.cpp", "#if A\nvoid f() {\n#else\nvoid g() {\n#endif\n}\n")
        self.assert_clean()
        self.write("src/base/a.cpp", "#if A\nvoid f() {}\n#else\nvoid g() " + body(61) + "#endif\n")
        self.assert_finding("src/base/a.cpp:g: 61 lines")

    def test_braces_in_texts_and_comments(self):
        self.write("src/base/a.cpp", 'void f() { g("{", R"x({{)x", \'{\', 1\'000); /* { */ } // {\n'
                   + "\n" * 70 + "void g() {}\n")
        self.assert_clean()

    def test_python_functions(self):
        self.write("bench/a.py", "def f():\n" + "    pass\n" * 59)
        self.assert_clean()
        self.write("bench/a.py", "def f():\n" + "    pass\n" * 60)
        self.assert_finding("bench/a.py:f: 61 lines")

    def test_files(self):
        self.write("src/base/a.S", "\n" * 600)
        self.assert_clean()
        self.write("src/base/a.S", "\n" * 601)
        self.assert_finding("src/base/a.S: 601 lines")

    def test_exceptions_may_only_shrink(self):
        self.write("src/base/a.cpp", "int f() " + body(70))
        self.write("tools/size_exceptions.txt", "# why\nsrc/base/a.cpp:f 70\n")
        self.assert_clean()
        self.write("src/base/a.cpp", "int f() " + body(71))
        self.assert_finding("grew from 70 to 71")
        self.write("src/base/a.cpp", "int f() " + body(69))
        self.assert_finding("shrank to 69")
        self.write("src/base/a.cpp", "int f() " + body(60))
        self.assert_finding("remove it")

    def test_public_headers(self):
        for number in range(40):
            self.write(f"include/weft/h{number}.h")
        self.write("include/weft/detail/part.h")
        self.assert_clean()
        self.write("include/weft/one_more.h")
        self.assert_finding("41 headers")

    def test_public_headers_are_listed(self):
        self.write("include/weft/a.h")
        self.write("cmake/public_headers.cmake", "set(HEADERS\n    a.h)\n")
        self.assert_clean()
        self.write("include/weft/b.h")
        self.assert_finding("include/weft/b.h: not listed")
        self.write("cmake/public_headers.cmake", "set(HEADERS\n    a.h\n    b.h\n    c.h)\n")
        self.assert_finding("include/weft/c.h does not exist")


if __name__ == "__main__":
    unittest.main()
