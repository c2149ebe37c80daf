from .model_files import _IMPORTERS


def library_files(p):
    return [p] if p.is_file() else sorted(f for f in p.rglob("*") if f.suffix.lower() in _IMPORTERS)


def files_of(path, brought):
    return [path]
