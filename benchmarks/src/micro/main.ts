/**
 * Owns the process that measures one case of the micro group: `main.ts NAME ROUNDS SECONDS`, one result as JSON.
 * Must not know: who reads it.
 * Invariant: nothing else has run here before, so the compiler has seen only what this case does.
 */
import process from 'node:process'
import { MICRO_CASES } from './cases.ts'
import { measure } from './loop.ts'
import { microResult } from './micro-case.ts'

const [name, rounds, seconds] = process.argv.slice(2)
const micro = MICRO_CASES.find((one) => one.name === name)
if (micro === undefined) throw new Error(`no micro case ${name}`)
const measured = measure(micro.build(), Number(rounds), Number(seconds))
// The checksum is used, so that nothing that leads to it can be left out.
if (!Number.isFinite(measured.checksum)) throw new Error('a run returned no number')
process.stdout.write(`${JSON.stringify(microResult(micro, measured))}\n`)
