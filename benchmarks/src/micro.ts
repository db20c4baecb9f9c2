/**
 * Owns the micro group: each case in a process of its own, bound to one core.
 * Must not know: what the cases measure.
 */
import { join } from 'node:path'
import process from 'node:process'
import type { Case } from './context.ts'
import { MICRO_CASES } from './micro/cases.ts'
import { caseSchema } from './results.ts'

const ROUNDS = 7
const SECONDS = 0.25
const MAIN = join(import.meta.dirname, 'micro/main.ts')

export const microCases: readonly Case[] = MICRO_CASES.map(({ name }) => ({
  group: 'micro',
  name,
  run: async ({ options, children, toolchain, progress }) => {
    progress('running')
    const args = [name, `${options.rounds ?? ROUNDS}`, `${options.seconds ?? SECONDS}`]
    const command = toolchain.pinned('server', [process.execPath, MAIN, ...args])
    return caseSchema.parse(JSON.parse(await children.run('micro', command)))
  },
}))
