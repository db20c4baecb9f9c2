/**
 * Owns the end-to-end tests of a terminal that goes away: SIGHUP then means the end of a daemon that was started at it,
 * and not of one that was told to outlive it. The terminal is a pseudo-terminal of Python's.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0
const hasNohup = existsSync('/usr/bin/nohup')

/** Runs a command at a terminal, which goes when the text `at` has come; prints what the command ended with. */
const AT_TERMINAL = `
import os, pty, sys, time
at, log, command = sys.argv[1].encode(), sys.argv[2], sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
seen = b''
while at not in seen:
    time.sleep(0.02)
    seen += open(log, 'rb').read() if os.path.exists(log) else b'' if log else os.read(terminal, 4096)
os.close(terminal)
if log:
    while b'"reloaded"' not in open(log, 'rb').read():
        time.sleep(0.02)
    os.kill(pid, 15)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

/** @param log file that the command writes to; empty where that is the terminal @returns its exit code */
async function atTerminal(command: readonly string[], log: string, cwd: string): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    SHARDWIRE_LISTEN: 'tcp://127.0.0.1:0',
    SHARDWIRE_LOG_FORMAT: 'json',
    SHARDWIRE_WORKERS: '1',
  }
  const python = spawn('python3', ['-c', AT_TERMINAL, '"listening"', log, ...command], { env, cwd, stdio: 'pipe' })
  let out = ''
  python.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  await once(python, 'close')
  return out.trim()
}

describe('a terminal that goes away', () => {
  it.skipIf(!hasPython)(
    'stops the daemon that was started at it: nothing stays behind that holds the port',
    async () => {
      expect(await atTerminal([process.execPath, MAIN, 'serve'], '', '/')).toBe('0')
    },
  )

  it.skipIf(!hasPython || !hasNohup)('is nothing but a reload to one that was started with nohup', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'shardwire-hangup-'))
    const log = join(folder, 'nohup.out')
    expect(await atTerminal(['nohup', process.execPath, MAIN, 'serve'], log, folder)).toBe('0')
    const events = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('"event"'))
    expect(events.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(
      expect.arrayContaining(['listening', 'reloaded', 'stopped']),
    )
    await rm(folder, { recursive: true })
  })
})
