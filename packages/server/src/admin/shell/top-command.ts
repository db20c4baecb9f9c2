/**
 * Owns `shardwire top`: the daemon live, second by second, until somebody ends it.
 * Must not know: HTTP, what is shown.
 * Invariant: the terminal is left as it was found, however it ends. When the daemon goes, it waits for the next one.
 */
import type { Sample, Status } from '../status.ts'
import { viewOf } from '../view.ts'
import { isSet, numberOf, parse, type Parsed, textOf } from './arguments.ts'
import { AdminClient, adminTarget, EXIT_UNAVAILABLE, ShellError } from './client.ts'
import type { ShellIo, Terminal } from './io.ts'
import { frameText } from './top-frame.ts'

const USAGE = 'shardwire top [--count N] [--json] [--admin http://host:port]'
const AGAIN_MS = 1000
const ESC = '\u001B['
/** The other screen, without a cursor; and back. */
const OPEN_SCREEN = `${ESC}?1049h${ESC}?25l`
const CLOSE_SCREEN = `${ESC}?25h${ESC}?1049l`
const HOME = `${ESC}H`
const CLEAR_LINE = `${ESC}K`
const CLEAR_BELOW = `${ESC}J`
const CTRL_C = '\u0003'

export async function topCommand(args: readonly string[], io: ShellIo): Promise<number> {
  const parsed = parse(args, { count: { type: 'string' } }, USAGE)
  const client = new AdminClient(adminTarget(io.env, io.readFile, textOf(parsed, 'admin')), io.clock)
  const { terminal } = io
  if (terminal === undefined || isSet(parsed, 'json')) return await print(parsed, client, io)
  return await live(client, io, terminal)
}

/** Not to a terminal: one text, or object, behind the other. */
async function print(parsed: Parsed, client: AdminClient, io: ShellIo): Promise<number> {
  const wanted = numberOf(parsed, 'count', Number.MAX_SAFE_INTEGER)
  let left = wanted
  let before: Status | undefined
  const controller = new AbortController()
  for await (const sample of client.events<Sample>('/api/events', controller.signal)) {
    if (before !== undefined) {
      const view = viewOf(before, sample.status)
      io.write(isSet(parsed, 'json') ? `${JSON.stringify({ view, ...sample })}\n` : `${frameText(sample, view)}\n\n`)
      if (--left === 0) break
    }
    before = sample.status
  }
  controller.abort()
  if (left > 0 && textOf(parsed, 'count') !== undefined) {
    const { address } = client.target
    throw new ShellError(EXIT_UNAVAILABLE, `${address} has gone after ${wanted - left} of ${wanted}`)
  }
  return 0
}

async function live(client: AdminClient, io: ShellIo, terminal: Terminal): Promise<number> {
  const controller = new AbortController()
  const { signal } = controller
  const end = (): void => controller.abort()
  const stops = [
    terminal.onSignal(end),
    terminal.onKeys?.((key) => {
      if (key === 'q' || key === CTRL_C) end()
    }),
  ]
  io.write(OPEN_SCREEN)
  try {
    let before: Status | undefined
    while (!signal.aborted) {
      before = await watch(client, io, terminal, signal, before)
      if (!signal.aborted) await pause(io, signal)
    }
  } finally {
    io.write(CLOSE_SCREEN)
    for (const stop of stops) stop?.()
  }
  return 0
}

/** Shows samples until the stream ends. @returns the last status */
async function watch(
  client: AdminClient,
  io: ShellIo,
  terminal: Terminal,
  signal: AbortSignal,
  first: Status | undefined,
): Promise<Status | undefined> {
  let before = first
  try {
    for await (const sample of client.events<Sample>('/api/events', signal)) {
      draw(io, terminal, frameText(sample, viewOf(before ?? sample.status, sample.status)))
      before = sample.status
    }
    if (!signal.aborted) draw(io, terminal, `${client.target.address} has gone; waiting for it. q ends this.`)
  } catch (error) {
    if (signal.aborted) return before
    if (!(error instanceof ShellError) || error.exitCode !== EXIT_UNAVAILABLE) throw error
    draw(io, terminal, `${error.message}\nWaiting for it. q ends this.`)
  }
  return before
}

/** Over what was there, so that nothing flickers; no line is longer than the terminal, and no more are there. */
function draw({ write }: ShellIo, terminal: Terminal, text: string): void {
  const { columns, rows } = terminal.size()
  const lines = text.split('\n').slice(0, rows - 1)
  write(HOME + lines.map((line) => `${line.slice(0, columns)}${CLEAR_LINE}`).join('\r\n') + CLEAR_BELOW)
}

async function pause({ clock }: ShellIo, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(AGAIN_MS, resolve)
    signal.addEventListener('abort', () => {
      cancel()
      resolve()
    })
  })
}
