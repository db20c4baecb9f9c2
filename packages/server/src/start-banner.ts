/**
 * Owns what a person at a terminal sees when the daemon has started.
 * Must not know: how it was started.
 */
import type { Config, Sources } from './config/load-config.ts'
import { formatEffective } from './config/format.ts'
import type { BoundAddress, Started } from './primary/primary.ts'
import { VERSION } from './version.ts'

/** The echo of "x": MESSAGE to route 1, one byte, CRC; docs/protocol.md takes it apart. */
const FIRST_FRAME = '0001000000017811f5c494'

export function startBanner({ addresses, workers }: Started, config: Config, sources: Sources): string {
  const [first] = addresses
  const lines = [
    '',
    `  shardwire ${VERSION}  pid ${process.pid}, ${workersText(workers)}`,
    ...addresses.map((address) => `  listening on tcp://${hostAndPort(address)}`),
    '',
    indent(formatEffective(config, sources)),
    '',
    ...(first === undefined ? [] : firstFrameLines(first)),
    '',
  ]
  return `${lines.join('\n')}\n`
}

function workersText(workers: Started['workers']): string {
  const pids = workers.map(({ pid }) => pid).join(', ')
  return `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'} (pid ${pids})`
}

function firstFrameLines(address: BoundAddress): string[] {
  const dial = `require('net').connect(${address.port}, '${dialable(address)}')`
  const print = `.once('data', (d) => { console.log(d); process.exit() })`
  return [
    '  Send the first frame (an echo of "x"; the answer is the same eleven bytes):',
    `    node -e "${dial}${print}.write(Buffer.from('${FIRST_FRAME}', 'hex'))"`,
    `  Load it:  npm run bench -- run --target tcp://${hostAndPort({ ...address, address: dialable(address) })}`,
    '  Stop it:  Ctrl-C, or SIGTERM to the pid above; what is in flight is answered first.',
  ]
}

/** An address that one can connect to: 0.0.0.0 and :: are every address of this machine. */
function dialable({ address }: BoundAddress): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}

function hostAndPort({ address, port, family }: BoundAddress): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ').trimEnd()
}
