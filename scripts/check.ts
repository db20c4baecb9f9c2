/**
 * Owns `npm run check`: everything that a machine can say about the source without running it, in one list.
 * All steps run at once, since each keeps one core busy and none depends on another; a step's output is shown only when
 * it fails, with the command that mends it.
 * Arguments name single steps: `npm run check -- lint tidy`.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const ROOT = join(import.meta.dirname, '..')

/** git keeps no empty directory, and dependency-cruiser wants each that it is told of. */
const CRUISED_DIRECTORIES = ['packages', 'benchmarks', 'scripts', 'examples'].filter((name) =>
  existsSync(join(ROOT, name)),
)

interface Step {
  readonly name: string
  /** Arguments of the pinned Node. */
  readonly command: readonly string[]
  readonly whenItFails: string
}

const STEPS: readonly Step[] = [
  {
    name: 'types',
    command: ['node_modules/typescript/bin/tsc', '-b', '--pretty', 'false'],
    whenItFails: 'correct the types; `any`, `!` and ignoring comments are not a way out, lint refuses them',
  },
  {
    name: 'lint',
    command: ['node_modules/oxlint/bin/oxlint', '--format', 'unix'],
    whenItFails: 'each line names its rule; the rules and what to use instead are in .oxlintrc.json',
  },
  {
    name: 'format',
    command: ['node_modules/oxfmt/bin/oxfmt', '--list-different'],
    whenItFails: 'run `npm run format`',
  },
  {
    name: 'imports',
    command: [
      'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs',
      '--config=.dependency-cruiser.mjs',
      '--output-type=err',
      ...CRUISED_DIRECTORIES,
    ],
    whenItFails: 'each line names its rule; what it allows, and why, is in .dependency-cruiser.mjs',
  },
  {
    name: 'tidy',
    command: ['scripts/tidy.ts'],
    whenItFails: 'each line says what was expected; the rules are in scripts/tidy/rules.ts',
  },
]

interface StepResult {
  readonly passed: boolean
  readonly output: string
  readonly seconds: number
}

function runStep(step: Step): Promise<StepResult> {
  const startMs = performance.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, step.command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const finish = (passed: boolean): void => {
      resolve({ passed, output: output.trim(), seconds: (performance.now() - startMs) / 1000 })
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
    }
    child.once('error', (cause) => {
      output += `cannot run ${process.execPath}: ${cause.message}`
      finish(false)
    })
    child.once('close', (code) => finish(code === 0))
  })
}

async function runAndReport(step: Step): Promise<boolean> {
  const { passed, output, seconds } = await runStep(step)
  process.stdout.write(`${passed ? 'ok  ' : 'FAIL'}  ${step.name.padEnd(8)} ${seconds.toFixed(1)} s\n`)
  if (!passed) process.stdout.write(`${output}\n  -> ${step.name}: ${step.whenItFails}\n`)
  return passed
}

function chosenSteps(names: readonly string[]): readonly Step[] {
  if (names.length === 0) return STEPS
  return names.map((name) => {
    const step = STEPS.find((candidate) => candidate.name === name)
    if (step !== undefined) return step
    const known = STEPS.map((candidate) => candidate.name).join(', ')
    process.stderr.write(`no such step of the check: ${JSON.stringify(name)}; expected one of ${known}\n`)
    return process.exit(1)
  })
}

const steps = chosenSteps(process.argv.slice(2))
const passed = await Promise.all(steps.map(runAndReport))
const failed = steps.filter((_, index) => passed[index] === false).map((step) => step.name)
if (failed.length > 0) {
  process.stdout.write(`check failed: ${failed.join(', ')}\n`)
  process.exitCode = 1
} else {
  process.stdout.write('check passed\n')
}
