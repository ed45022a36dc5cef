"""The chapters link to the sources that they talk about. On the repository's
own pages such a link just works. For the site, this hook of mkdocs makes a page
of every file that is linked to, and of every directory a list of its files."""

import logging
import posixpath
import re
import tempfile
from pathlib import Path

from mkdocs.structure.files import File

LINK = re.compile(r'(\]\()((?:\.\./)+[^)\s#]+)((?:#[^)\s]*)?\))')
LANGUAGES = {'.go': 'go', '.md': 'markdown', '.sh': 'sh', '.py': 'python', '.patch': 'diff', '.yml': 'yaml'}
made = tempfile.TemporaryDirectory(prefix='sources-')

# The pages of sources are not meant to be in the navigation, and mkdocs would
# list them all. (Whether every page of docs/ is in it, harness/listings checks.)
logging.getLogger('mkdocs.structure.nav').addFilter(
    lambda record: 'not included in the "nav"' not in record.getMessage())


def outside(link, page, root):
    """The path, from the root of the repository, of a file that a link on a
    page leads to outside of docs/. None if there is no such thing."""
    path = posixpath.normpath(posixpath.join('docs', posixpath.dirname(page), link))
    if path.startswith(('..', 'docs/')) or not (root / path).exists():
        return None
    return path


def page_of(path):
    return 'source/' + path + '.md'


def files_of(path, root):
    return sorted(f.name for f in (root / path).iterdir() if f.is_file() and not f.name.startswith('.'))


def text_of(path, root):
    source = root / path
    if source.is_dir():
        return '\n'.join(f'- [{name}]({source.name}/{name}.md)' for name in files_of(path, root))
    text = source.read_text(encoding='utf-8')
    ticks = '`' * (3 + max([0] + [len(t) for t in re.findall(r'`{3,}', text)]))
    return f'{ticks}{LANGUAGES.get(source.suffix, "text")}\n{text}\n{ticks}'


def on_files(files, config):
    root = Path(config['docs_dir']).parent
    linked = set()
    for page in files.documentation_pages():
        text = Path(page.abs_src_path).read_text(encoding='utf-8')
        for _, link, _ in LINK.findall(text):
            linked.add(outside(link, page.src_path, root))
    linked.discard(None)
    for path in [p for p in linked if (root / p).is_dir()]:
        linked.update(f'{path}/{name}' for name in files_of(path, root))
    for path in sorted(linked):
        target = Path(made.name) / page_of(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f'# {path}\n\n{text_of(path, root)}\n', encoding='utf-8')
        files.append(File(page_of(path), made.name, config['site_dir'], config['use_directory_urls']))
    return files


def on_page_markdown(markdown, page, config, files):
    root = Path(config['docs_dir']).parent

    def rewrite(match):
        path = outside(match[2], page.file.src_path, root)
        if path is None:
            return match[0]
        here = posixpath.dirname(page.file.src_path) or '.'
        return match[1] + posixpath.relpath(page_of(path), here) + match[3]

    if page.file.src_path.startswith('source/'):
        return markdown
    return LINK.sub(rewrite, markdown)
