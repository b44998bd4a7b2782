# SPDX-License-Identifier: MIT
#
# A recipe for Conan 2, beside a checkout: `conan create packaging/conan`. Only its syntax is tested here.
import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy


class Devres(ConanFile):
    name = "devres"
    version = "0.1.0"
    license = "MIT"
    description = "Managed resources for drivers and device daemons"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False]}
    default_options = {"shared": False}

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "devres_core/*", "device_adapter/*", "drm_adapter/*"):
            copy(self, pattern, root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "BENCH", "EXAMPLES"):
            toolchain.cache_variables[f"DEVRES_BUILD_{part}"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()

    def package_info(self):
        for component, needs in (("core", []), ("device", ["core"]), ("drm", ["device"])):
            info = self.cpp_info.components[component]
            info.libs = [f"devres_{component}"]
            info.requires = needs
            info.set_property("cmake_target_name", f"devres::{component}")
        self.cpp_info.components["core"].system_libs = ["pthread", "dl"]
