/** Owns the checks of the addresses that are to be listened on: free, permitted, and not taken by accident. */
import type { InternetListener } from '../../config/load-config.ts'
import { type Finding, fine } from '../finding.ts'
import type { Scene } from '../scene.ts'
import { readNumber, readNumbers, sysctlPath } from '../system.ts'

/** CAP_NET_BIND_SERVICE, as a bit of the capabilities of a process. */
const MAY_BIND_BIT = 10n
const PRIVILEGED_BELOW = 1024

interface Place {
  readonly host: string
  readonly port: number
  readonly address: string
  readonly option: string
}

export async function checkPorts(scene: Scene): Promise<Finding[]> {
  const findings = await Promise.all(placesOf(scene).map(async (place) => await checkPort(scene, place)))
  return findings.flat()
}

/** A port of the range that outgoing connections take their own from may be one of theirs when it is to be bound. */
export function checkPortRange(scene: Scene): Finding[] {
  const { system } = scene
  const [low = 0, high = 0] = readNumbers(system, sysctlPath('net.ipv4.ip_local_port_range'))
  const reserved = system.read(sysctlPath('net.ipv4.ip_local_reserved_ports'))?.trim() ?? ''
  if (high === 0) return []
  const range = `${low} to ${high}, but for ${reserved || 'none'}`
  const read = `ports of outgoing connections: ${range} (net.ipv4.ip_local_port_range)`
  const inRange = placesOf(scene).filter(({ port }) => port >= low && port <= high && !isReserved(reserved, port))
  if (inRange.length === 0) return [fine('port-range', 'ports of outgoing connections', read)]
  const ports = inRange.map(({ port }) => port)
  const why = `an outgoing connection may have ${ports.join(', ')} when the daemon starts, which fails then`
  const mend = [`sysctl -w net.ipv4.ip_local_reserved_ports=${[reserved, ...ports].filter(Boolean).join(',')}`]
  return [{ check: 'port-range', level: 'warning', title: 'a port that others may take', read, why, mend }]
}

async function checkPort({ system, isRunning }: Scene, place: Place): Promise<Finding[]> {
  const { host, port, address, option } = place
  const check = `port ${port}`
  const lowest = readNumber(system, sysctlPath('net.ipv4.ip_unprivileged_port_start')) ?? PRIVILEGED_BELOW
  if (port < lowest && !mayBind(system.read('/proc/self/status'), system.uid)) {
    const read = `ports below ${lowest} take a capability, and this user (${system.uid}) has it not`
    const why = `${option} has ${address}: the start fails with EACCES`
    const mend = [
      'AmbientCapabilities=CAP_NET_BIND_SERVICE  # in the [Service] of its systemd unit',
      `sysctl -w net.ipv4.ip_unprivileged_port_start=${port}`,
    ]
    return [{ check, level: 'critical', title: 'a port that is not permitted', read, why, mend }]
  }
  if (isRunning) return [fine(check, `${address} is the daemon's`, 'the daemon runs')]
  const code = await system.canListen(host, port)
  if (code === undefined) return [fine(check, `${address} is free`, 'it was bound, and let go')]
  const holders = code === 'EADDRINUSE' ? system.holdersOf(port) : ''
  const read = `listening on ${address} fails with ${code}${holders === '' ? '' : `: it is taken by ${holders}`}`
  const why = 'the daemon would not start, for the same reason'
  const mend = code === 'EADDRNOTAVAIL' ? ['ip addr'] : [`ss -ltnp sport = :${port}`]
  return [{ check, level: 'critical', title: 'an address that cannot be listened on', read, why, mend }]
}

function placesOf({ config, sources }: Scene): Place[] {
  const isInternet = (listener: object): listener is InternetListener => 'port' in listener && 'host' in listener
  const listeners = config.listen.filter(isInternet).map(({ host, port, address }) => {
    return { host, port, address, option: 'SHARDWIRE_LISTEN' }
  })
  const { admin } = config
  // The default one is given up when it is taken.
  const hasAdmin = admin !== 'off' && sources.admin !== 'default'
  const own = hasAdmin ? [{ ...admin, address: `http://${admin.host}:${admin.port}`, option: 'SHARDWIRE_ADMIN' }] : []
  return [...listeners, ...own].filter(({ port }) => port > 0)
}

function mayBind(status: string | undefined, uid: number): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status ?? '')?.[1]
  if (effective === undefined) return uid === 0
  return (BigInt(`0x${effective}`) & (1n << MAY_BIND_BIT)) !== 0n
}

/** `8080,9000-9100` */
function isReserved(list: string, port: number): boolean {
  return list.split(',').some((part) => {
    const [from = '', to = from] = part.split('-')
    return from !== '' && port >= Number(from) && port <= Number(to)
  })
}
