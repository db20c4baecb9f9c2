/**
 * Owns how tests run: which files, against which sources, in how many processes.
 * Workspace packages resolve to their TypeScript source, so that a unit test never sees a stale build. A test that
 * starts the daemon as a process runs the build in dist, which `npm test` makes first.
 */
import { defineConfig } from 'vitest/config'

/** Vite's own conditions for code that runs in Node, after ours. */
const CONDITIONS = ['source', 'module', 'node', 'development|production']

export default defineConfig({
  resolve: { conditions: CONDITIONS },
  ssr: { resolve: { conditions: CONDITIONS } },
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'benchmarks/test/**/*.test.ts',
      'scripts/test/**/*.test.ts',
      'examples/**/*.test.ts',
    ],
    allowOnly: false,
    // Processes, not threads: tests fork workers, send signals and change their own environment.
    pool: 'forks',
    // On two cores: tests wait for processes to start, for timers and for each other half of the time.
    maxWorkers: 4,
    // Nothing takes as long; what has not come by then does not come, however slow the machine is.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './scripts/test-counts.ts'],
  },
})
