/**
 * Owns the commands that ask a daemon: which is meant, and how it ends.
 * Must not know: what they do.
 */
import { readFileSync } from 'node:fs'
import { systemClock } from '../../clock.ts'
import { doctorCommand } from '../../doctor/doctor-command.ts'
import { drainCommand, reloadCommand } from './act-commands.ts'
import { UsageWanted } from './arguments.ts'
import { ShellError } from './client.ts'
import { connsCommand, kickCommand } from './conns-command.ts'
import type { ShellIo, Terminal } from './io.ts'
import { profileCommand } from './profile-command.ts'
import { statusCommand } from './status-command.ts'
import { topCommand } from './top-command.ts'

const COMMANDS: Readonly<Record<string, (args: readonly string[], io: ShellIo) => Promise<number>>> = {
  status: statusCommand,
  conns: connsCommand,
  kick: kickCommand,
  drain: drainCommand,
  reload: reloadCommand,
  top: topCommand,
  doctor: doctorCommand,
  profile: profileCommand,
}

/** @returns the exit code; undefined where there is no such command */
export async function runShellCommand(command: string, args: readonly string[]): Promise<number | undefined> {
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined
  if (run === undefined) return undefined
  // Whoever reads may have gone, as `head` does: that is no failure.
  process.stdout.on('error', () => process.exit(0))
  try {
    return await run(args, systemIo())
  } catch (error) {
    if (error instanceof UsageWanted) {
      process.stdout.write(`Usage: ${error.message}\n`)
      return 0
    }
    if (!(error instanceof ShellError)) throw error
    process.stderr.write(`shardwire ${command}: ${error.message}\n`)
    return error.exitCode
  }
}

function systemIo(): ShellIo {
  return {
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    clock: systemClock,
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    terminal: process.stdout.isTTY ? systemTerminal() : undefined,
  }
}

const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function systemTerminal(): Terminal {
  return {
    size: () => ({ columns: process.stdout.columns, rows: process.stdout.rows }),
    onKeys: process.stdin.isTTY ? onKeys : undefined,
    onSignal(listener) {
      for (const signal of END_SIGNALS) process.on(signal, listener)
      return () => {
        for (const signal of END_SIGNALS) process.off(signal, listener)
      }
    },
  }
}

/** Keys come one by one only in raw mode, in which Ctrl-C is a key too. */
function onKeys(listener: (key: string) => void): () => void {
  const onData = (chunk: Buffer): void => {
    for (const key of chunk.toString('utf8')) listener(key)
  }
  process.stdin.setRawMode(true).on('data', onData)
  return () => {
    process.stdin.setRawMode(false).off('data', onData).pause()
  }
}
