/** Owns a door over sockets and workers in memory. */
import { FakeClock } from '@shardwire/testkit'
import type { Config } from '../../../src/config/load-config.ts'
import { Door, type Worker } from '../../../src/primary/admission/door.ts'
import type { Accepted } from '../../../src/transport/accepted.ts'
import { configOf } from '../../config/machines.ts'
import { FakeHandle, fakeBinding } from '../../transport/fake-handle.ts'
import { FakeTarget } from '../fake-target.ts'

const UV_ENOTCONN = -107

export class FakeSocket extends FakeHandle {
  readonly #address: string | null
  /** How often its address was asked for. */
  asked = 0

  /** @param address of its peer; null when that is gone */
  constructor(address: string | null = '192.0.2.1') {
    super()
    this.#address = address
  }

  get accepted(): Accepted {
    return this as unknown as Accepted
  }
  get ended(): boolean {
    return this.log.includes('shutdown')
  }
  get closed(): boolean {
    return this.log.includes('close')
  }
  override getpeername(out: { address?: string; port?: number }): number {
    this.asked++
    if (this.#address === null) return UV_ENOTCONN
    out.address = this.#address
    return 0
  }
}

export class FakeWorker extends FakeTarget implements Worker {
  quotaSequence = 0
  readonly told: Parameters<Worker['tell']>[0][] = []

  tell(message: Parameters<Worker['tell']>[0]): void {
    this.told.push(message)
  }
}

export interface FakeDoor {
  readonly door: Door
  readonly clock: FakeClock
}

interface DoorSettings {
  readonly hasRoom?: () => boolean
  /** Whether its listener speaks TLS. */
  readonly tls?: boolean
  readonly codec?: string
}

export function doorWith(
  settings: Partial<Config>,
  { hasRoom = () => true, tls = false, codec = 'frame' }: DoorSettings = {},
): FakeDoor {
  const clock = new FakeClock()
  const config = { ...configOf({}), ...settings }
  const listen = configOf({
    SHARDWIRE_LISTEN: `${tls ? 'tls' : 'tcp'}://h:1?codec=${codec}`,
    ...(tls ? { SHARDWIRE_TLS_CERT: './c.pem', SHARDWIRE_TLS_KEY: './k.pem' } : {}),
  }).listen
  const door = new Door({
    config: { ...config, listen },
    clock,
    random: () => 0.5,
    rawBinding: fakeBinding,
    descriptorLimit: 65_536,
    isLocal: () => false,
    hasRoom,
  })
  return { door, clock }
}
