/**
 * Owns what a person is told when an address cannot be listened on.
 * Must not know: how listening is done.
 */
import { findPortHolders } from './port-holder.ts'

/** @param address as it was configured @param port that was asked for @param error what the system said */
export function explainListenError(address: string, port: number, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'EADDRINUSE') return `cannot listen on ${address}: the port is in use${holdersOf(port)}`
  if (code === 'EACCES') {
    return `cannot listen on ${address}: not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE`
  }
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${address}: this machine has no such address (see \`ip addr\`)`
  if (code === 'ENOTFOUND') return `cannot listen on ${address}: the name is not known; use an address of this machine`
  return `cannot listen on ${address}: ${error instanceof Error ? error.message : String(error)}`
}

function holdersOf(port: number): string {
  const advice = 'Stop it, or set SHARDWIRE_LISTEN to another port (port 0 takes a free one).'
  const holders = findPortHolders(port).map(({ pid, command }) => `process ${pid} (${command})`)
  if (holders.length === 0)
    return `, by a process of another user or container (\`ss -ltnp sport = :${port}\`). ${advice}`
  return ` by ${holders.join(' and ')}. ${advice}`
}
