/**
 * Owns `shardwire profile`: a profile of a worker into a file.
 * Must not know: how profiles are taken.
 * Invariant: what stands under the file's name at the end is a whole profile: until then it is written beside it.
 */
import { createWriteStream, rmSync, renameSync } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  isProfileKind,
  PROFILE_EXTENSIONS,
  PROFILE_KINDS,
  PROFILE_SECONDS_MAX,
  PROFILE_SECONDS_STANDARD,
} from '../../profile/profile-order.ts'
import { bytesText } from '../units.ts'
import { isSet, numberOf, parse, textOf } from './arguments.ts'
import { AdminClient, adminTarget, EXIT_NEGATIVE, EXIT_USAGE, ShellError } from './client.ts'
import type { ShellIo } from './io.ts'

const USAGE = 'shardwire profile cpu|heap [--worker N] [--seconds S] [-o FILE] [--json] [--admin http://host:port]'
const OPTIONS = {
  worker: { type: 'string' },
  seconds: { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const
const MS_PER_S = 1000
/** Beyond the profile's own time, until the first of it is here. */
const PATIENCE_MS = 30_000

export async function profileCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const parsed = parse(args, OPTIONS, USAGE)
  const [kind = '', ...rest] = parsed.positionals
  if (!isProfileKind(kind) || rest.length > 0) {
    throw new ShellError(EXIT_USAGE, `expected ${PROFILE_KINDS.join(' or ')}\nUsage: ${USAGE}`)
  }
  const worker = textOf(parsed, 'worker') ?? '0'
  if (!/^\d{1,4}$/.test(worker))
    throw new ShellError(EXIT_USAGE, `--worker is ${JSON.stringify(worker)}: expected a number`)
  const seconds = numberOf(parsed, 'seconds', PROFILE_SECONDS_STANDARD)
  if (seconds > PROFILE_SECONDS_MAX) {
    throw new ShellError(EXIT_USAGE, `--seconds is ${seconds}: expected at most ${PROFILE_SECONDS_MAX}`)
  }
  const file = textOf(parsed, 'output') ?? `shardwire-worker-${worker}.${PROFILE_EXTENSIONS[kind]}`
  const client = new AdminClient(adminTarget(io.env, io.readFile, textOf(parsed, 'admin')), io.clock)
  const path = `/api/workers/${worker}/profile?kind=${kind}&seconds=${seconds}`
  const body = await client.download(path, seconds * MS_PER_S + PATIENCE_MS)
  const bytes = await save(body, file)
  if (isSet(parsed, 'json')) io.write(`${JSON.stringify({ file, bytes, kind, worker: Number(worker), seconds })}\n`)
  else io.write(`${file}: ${bytesText(bytes)}; open it in Chrome's DevTools (${PANELS[kind]}), or in VS Code\n`)
  return 0
}

const PANELS = { cpu: 'Performance, Load profile', heap: 'Memory, Load profile' } as const

/** @returns how many bytes came @throws ShellError */
async function save(body: ReadableStream<Uint8Array>, file: string): Promise<number> {
  const part = `${file}.part`
  let bytes = 0
  const counting = new Transform({
    transform(chunk: Uint8Array, _, done) {
      bytes += chunk.length
      done(null, chunk)
    },
  })
  try {
    await pipeline(Readable.fromWeb(body), counting, createWriteStream(part))
    renameSync(part, file)
    return bytes
  } catch (error) {
    rmSync(part, { force: true })
    const why = error instanceof Error ? error.message : String(error)
    throw new ShellError(EXIT_NEGATIVE, `the profile did not come whole, or ${file} cannot be written: ${why}`)
  }
}
