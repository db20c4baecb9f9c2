/**
 * Owns what the person at a command can do about a run: by which flags of that command it can be longer or smaller.
 * Must not know: when a remedy is called for.
 * Invariant: each phrase names flags that its command has (a test holds them against the commands' tables).
 */

/** Each is a phrase that fits behind "take" or "use"; null where the command leaves no choice. */
export interface Remedies {
  /** For more samples. */
  readonly longer: string
  /** For a percentile that has samples enough. */
  readonly otherPercentile: string | null
  readonly moreProcesses: string | null
  readonly fewerConnections: string
}

export const RUN_REMEDIES: Remedies = {
  longer: 'a longer --duration-s',
  otherPercentile: 'another --percentile',
  moreProcesses: 'more --processes',
  fewerConnections: 'fewer --connections',
}

/** The percentile is that of the objective. */
const CAPACITY_REMEDIES: Remedies = { ...RUN_REMEDIES, otherPercentile: 'another --slo' }
export const STEP_REMEDIES: Remedies = { ...CAPACITY_REMEDIES, longer: 'a longer --step-s' }
export const CONFIRM_REMEDIES: Remedies = { ...CAPACITY_REMEDIES, longer: 'a longer --confirm-s' }

export const SCALE_REMEDIES: Remedies = { ...RUN_REMEDIES, otherPercentile: null }
/** The connections are what is swept. */
export const SCALE_CONNECTIONS_REMEDIES: Remedies = { ...SCALE_REMEDIES, fewerConnections: 'smaller --sizes' }

export const PROBE_REMEDIES: Remedies = {
  ...RUN_REMEDIES,
  longer: 'a longer --probe-s',
  moreProcesses: null,
  fewerConnections: 'fewer --probe-connections',
}
export const HOLD_PROBE_REMEDIES: Remedies = { ...PROBE_REMEDIES, longer: 'a longer --hold-s' }
/** Of the idle connections of a ladder, and of those beside a load. */
export const LADDER_REMEDIES: Remedies = { ...PROBE_REMEDIES, fewerConnections: 'a lower --to' }
export const IDLE_REMEDIES: Remedies = { ...RUN_REMEDIES, moreProcesses: null, fewerConnections: 'a lower --idle' }
