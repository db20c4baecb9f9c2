/** Owns a machine of texts, for the tests of the doctor. */
import { loadConfig } from '../../src/config/load-config.ts'
import type { Machine } from '../../src/config/machine.ts'
import type { Scene } from '../../src/doctor/scene.ts'
import { sysctlPath, type System } from '../../src/doctor/system.ts'

const GIB = 1024 ** 3

export class FakeSystem implements System {
  readonly files: Map<string, string>
  readonly modes = new Map<string, number>()
  /** By port: the error that listening there meets. */
  readonly taken = new Map<number, string>()
  uid = 0
  readonly pid = 1

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.files = new Map(Object.entries(files))
  }

  read(path: string): string | undefined {
    return this.files.get(path)
  }
  list(path: string): readonly string[] {
    const below = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`))
    return [...new Set(below.map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))]
  }
  mode(path: string): number | undefined {
    return this.modes.get(path)
  }
  canListen(_: string, port: number): Promise<string | undefined> {
    return Promise.resolve(this.taken.get(port))
  }
  holdersOf(): string {
    return 'process 7 (nc -l)'
  }
  /** Kernel settings by name: `net.core.somaxconn`. */
  sysctl(settings: Readonly<Record<string, string | number>>): this {
    for (const [name, value] of Object.entries(settings)) this.files.set(sysctlPath(name), `${value}\n`)
    return this
  }
}

export function scene(
  environment: Readonly<Record<string, string>> = {},
  system: FakeSystem = new FakeSystem(),
  machine: Partial<Machine> = {},
): Scene & { readonly system: FakeSystem } {
  const all = { cores: 4, memoryBytes: 8 * GIB, descriptorLimit: 1_048_576, ...machine }
  const loaded = loadConfig(environment, all)
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return { config: loaded.config, sources: loaded.sources, machine: all, system, isRunning: false }
}
