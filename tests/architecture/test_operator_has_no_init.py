from tests.architecture.tree import ROOT


def test_the_operator_folder_never_shadows_the_standard_library() -> None:
    # With operator/__init__.py, whoever has the root on the path imports our folder for `import operator`.
    assert not (ROOT / "operator/__init__.py").exists()
    assert not (ROOT / "operator.py").exists()
