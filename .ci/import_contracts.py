"""Kinds of import rules for import-linter; setup.cfg says which packages keep which.

Tests stand beside the code and may import any room, so most rules look at the graph of imports
without them.
"""

from typing import Dict, List, Set, Tuple

from importlinter import Contract, ContractCheck, fields, output
from importlinter.contracts.layers import LayersContract
from importlinter.domain.ports.graph import ImportGraph

Import = Tuple[str, str]


def is_test(module: str) -> bool:
    """Whether a module holds tests or their fixtures."""
    name = module.rpartition(".")[2]
    return name == "conftest" or name.endswith("_test")


def drop_tests(graph: ImportGraph) -> None:
    """Removes the modules of tests from a graph."""
    for module in [module for module in graph.modules if is_test(module)]:
        graph.remove_module(module)


class ProductLayers(LayersContract):
    """import-linter's own layers, of a graph without tests."""

    @classmethod
    def _get_field_names(cls) -> List[str]:
        # A contract's fields are looked for in its own class alone, without base classes.
        return LayersContract._get_field_names()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Checks the order of the layers."""
        drop_tests(graph)
        return super().check(graph, verbose)


class _DirectImports(Contract):
    """A rule that refuses single imports."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Finds what is refused."""
        wrong: List[str] = []
        for importer, imported in sorted(self.refused(graph)):
            details = graph.get_import_details(importer=importer, imported=imported)
            lines = ", ".join("l.{}".format(detail["line_number"]) for detail in details)
            wrong.append("{} -> {} ({})".format(importer, imported, lines))
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def refused(self, graph: ImportGraph) -> Set[Import]:
        """The imports (importer, imported) that are against the rule."""
        raise NotImplementedError

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Prints each of them."""
        for line in check.metadata["wrong"]:
            output.print_error("- " + line, bold=False)


def _imports(graph: ImportGraph) -> Set[Import]:
    return {(importer, imported) for importer in graph.modules
            for imported in graph.find_modules_directly_imported_by(importer)}


def _is_in(module: str, packages: List[str]) -> bool:
    return any((module + ".").startswith(package + ".") for package in packages)


class MayImport(_DirectImports):
    """Each of some packages imports itself, the packages of one list and no others of ours."""

    packages = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField())

    def refused(self, graph: ImportGraph) -> Set[Import]:
        """Imports of packages that are not in the list."""
        drop_tests(graph)
        refused: Set[Import] = set()
        for package in self.packages:  # type: ignore[attr-defined]
            allowed = [package] + self.may_import  # type: ignore[operator]
            refused |= {(importer, imported) for importer, imported in _imports(graph)
                        if _is_in(importer, [package]) and not _is_in(imported, allowed)}
        return refused


class NoTestsImported(_DirectImports):
    """No module, a test neither, imports a test."""

    def refused(self, graph: ImportGraph) -> Set[Import]:
        """Imports of modules of tests."""
        return {(importer, imported) for importer, imported in _imports(graph) if is_test(imported)}


class NoCircles(_DirectImports):
    """No module imports itself through others."""

    def refused(self, graph: ImportGraph) -> Set[Import]:
        """The imports of one circle; none where there is no circle."""
        drop_tests(graph)
        return _first_circle(_without_leaves(graph))


def _without_leaves(graph: ImportGraph) -> Dict[str, List[str]]:
    """The imports of each module, without modules that import nothing but such modules."""
    left: Dict[str, List[str]] = {module: [module] for module in graph.modules}
    num_modules = 0
    while num_modules != len(left):
        num_modules = len(left)
        for module in sorted(left):
            imported = graph.find_modules_directly_imported_by(module)
            left[module] = sorted(name for name in imported if name in left)
        left = {module: imported for module, imported in left.items() if imported}
    return left


def _first_circle(imports: Dict[str, List[str]]) -> Set[Import]:
    """A circle of imports, of modules each of which imports another of them."""
    if not imports:
        return set()
    path = [min(imports)]
    while path[-1] not in path[:-1]:
        path.append(imports[path[-1]][0])
    circle = path[path.index(path[-1]):]
    return set(zip(circle, circle[1:]))
