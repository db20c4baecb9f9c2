/** Owns the checks of open files: of a process, of all processes, and of what the kernel lets anybody set. */
import { DESCRIPTORS_SPARE } from '../../descriptors.ts'
import { type Finding, fine } from '../finding.ts'
import { connectionsWanted, filesOfWorker, isLimitSet, type Scene } from '../scene.ts'
import { readNumber, sysctlPath } from '../system.ts'

const FEW_FILES = 4096
const GOOD_LIMIT = 1_048_576

export function checkOpenFiles(scene: Scene): Finding[] {
  const { config, machine } = scene
  const { workers, handoffQueue } = config
  const limit = machine.descriptorLimit
  const read = `open files a process may have: ${limit} (/proc/self/limits)`
  const connections = connectionsWanted(scene)
  const needed = Math.max(filesOfWorker(connections, workers), handoffQueue + workers + DESCRIPTORS_SPARE)
  const mend = mendLimit(Math.max(needed, isLimitSet(scene) ? needed : GOOD_LIMIT))
  if (isLimitSet(scene) && limit < needed) {
    const why =
      `SHARDWIRE_MAX_CONNECTIONS=${connections} over ${workers} workers takes ${needed} open files in each; ` +
      `with ${limit} each worker refuses from its ${limit - DESCRIPTORS_SPARE}th connection on (NO_DESCRIPTORS)`
    return [{ check: 'open-files', level: 'critical', title: 'too few open files', read, why, mend }]
  }
  if (limit < FEW_FILES && !isLimitSet(scene)) {
    const most = Math.max(1, limit - DESCRIPTORS_SPARE) * workers
    const why = `each connection is one: this daemon can hold ${most} connections, and refuses more (NO_DESCRIPTORS)`
    return [{ check: 'open-files', level: 'warning', title: 'few open files', read, why, mend }]
  }
  return [fine('open-files', 'open files of a process', read)]
}

export function checkAllFiles(scene: Scene): Finding[] {
  const { system, config } = scene
  const max = readNumber(system, sysctlPath('fs.file-max'))
  if (max === undefined) return []
  const [open = 0] = (system.read(sysctlPath('fs.file-nr')) ?? '').trim().split(/\s+/).map(Number)
  // systemd sets it to what a signed 64-bit integer holds.
  const most = max > Number.MAX_SAFE_INTEGER ? 'any number' : String(max)
  const read = `open files of all processes: ${open} of ${most} (/proc/sys/fs/file-nr)`
  const needed = open + connectionsWanted(scene) + config.handoffQueue
  if (!isLimitSet(scene) || needed <= max) return [fine('all-files', 'open files of the machine', read)]
  const why =
    `with SHARDWIRE_MAX_CONNECTIONS=${config.maxConnections} there would be ${needed}; beyond that limit accepts ` +
    'fail for every process of this machine that is not root'
  const mend = [`sysctl -w fs.file-max=${roundUp(needed)}`]
  return [{ check: 'all-files', level: 'critical', title: 'too few open files on this machine', read, why, mend }]
}

export function checkFilesSettable(scene: Scene): Finding[] {
  const most = readNumber(scene.system, sysctlPath('fs.nr_open'))
  if (most === undefined) return []
  const needed = filesOfWorker(connectionsWanted(scene), scene.config.workers)
  const read = `most open files that can be set for a process: ${most} (/proc/sys/fs/nr_open)`
  if (!isLimitSet(scene) || needed <= most) return [fine('files-settable', 'open files that can be set', read)]
  const why = `a worker needs ${needed}, and no unit or ulimit can set more than this`
  const mend = [`sysctl -w fs.nr_open=${roundUp(needed)}`]
  return [{ check: 'files-settable', level: 'critical', title: 'open files cannot be set as high', read, why, mend }]
}

function mendLimit(files: number): string[] {
  const limit = roundUp(files)
  return [
    `LimitNOFILE=${limit}  # in the [Service] of its systemd unit`,
    `ulimit -n ${limit}  # in the shell that starts it`,
    `docker run --ulimit nofile=${limit}:${limit} ...`,
  ]
}

/** The next power of two: a limit that is met exactly is met soon again. */
function roundUp(count: number): number {
  return 2 ** Math.ceil(Math.log2(count + 1))
}
