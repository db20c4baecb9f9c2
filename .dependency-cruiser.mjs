/**
 * Owns who may import whom, types included:
 *
 *     protocol <- client <- bench        protocol <- server        testkit only from tests
 *
 * server/src never imports client; end-to-end tests may. A file of src that no entry point reaches is dead.
 */
import { readdirSync, readFileSync } from 'node:fs'

const PACKAGES = new URL('packages/', import.meta.url)

/** Everything that reaches outside of the process's own memory, or waits. */
const IO_MODULES = 'net|tls|dgram|dns|http|https|http2|fs|child_process|cluster|worker_threads|timers|readline'

/**
 * Files that something outside of src starts from: what package.json exports, and the first file of a process or
 * thread, which is named main.ts or *-main.ts.
 */
function entryPoints() {
  const exported = readdirSync(PACKAGES).flatMap((name) => {
    const manifest = JSON.parse(readFileSync(new URL(`${name}/package.json`, PACKAGES), 'utf8'))
    return Object.values(manifest.exports ?? {})
      .map((target) => target.source)
      .filter((source) => source !== undefined)
      .map((source) => `^packages/${name}/${source.replace('./', '').replaceAll('.', '\\.')}$`)
  })
  return [...exported, '^packages/.+[/-]main\\.ts$']
}

/**
 * @param {string} name
 * @param {string[]} allowed the other packages that its src may import
 */
function direction(name, allowed) {
  const others = [name, ...allowed].join('|')
  return {
    name: `${name}-imports-only-${allowed.join('-and-') || 'itself'}`,
    comment: `packages/${name}/src may import ${allowed.join(' and ') || 'no other package of the workspace'}.`,
    severity: 'error',
    from: { path: `^packages/${name}/src/` },
    to: { path: `^packages/(?!(${others})/)` },
  }
}

export default {
  forbidden: [
    direction('protocol', []),
    direction('client', ['protocol']),
    direction('server', ['protocol']),
    direction('bench', ['client', 'protocol']),
    direction('testkit', ['protocol']),
    {
      name: 'protocol-is-pure',
      comment: 'packages/protocol/src turns bytes into frames and back: no sockets, files, processes, threads, timers.',
      severity: 'error',
      from: { path: '^packages/protocol/src/' },
      to: { path: `^(node:)?(${IO_MODULES})(/|$)`, dependencyTypes: ['core'] },
    },
    {
      name: 'src-stays-in-src',
      comment: 'src imports no tests, scripts, examples or build results.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: '^(scripts|examples|benchmarks|packages/[^/]+/(test|dist))/' },
    },
    {
      name: 'testkit-only-from-tests',
      comment: 'packages/testkit never ships: only tests import it, and the script that finds them a Chromium.',
      severity: 'error',
      from: {
        pathNot: [
          '^(packages/[^/]+/test/|packages/testkit/|benchmarks/test/|scripts/test/|examples/.*\\.test\\.ts$)',
          '^scripts/chromium\\.ts$',
        ],
      },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'no-cycle',
      comment: 'Files that import each other, types included, can only be read together: move what they share.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-dead-file',
      comment:
        'No entry point reaches this file: import it, delete it, or name it main.ts if a process starts from it.',
      severity: 'error',
      from: { path: entryPoints() },
      to: { path: '^packages/[^/]+/src/', pathNot: entryPoints(), reachable: false },
    },
    {
      name: 'no-undeclared-dependency',
      comment: 'src imports only what its own package.json lists under dependencies.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-unresolvable',
      comment: 'Nothing is found under this name.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    exclude: { path: '^packages/[^/]+/dist/' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
}
