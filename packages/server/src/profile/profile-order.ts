/**
 * Owns what a profile is, as far as who orders one and who takes it have to agree.
 * Must not know: how it is taken, how it travels.
 */

/** Where the time goes; what allocated the memory that lives on. */
export const PROFILE_KINDS = ['cpu', 'heap'] as const

export type ProfileKind = (typeof PROFILE_KINDS)[number]

/** What Chrome's DevTools know them by. */
export const PROFILE_EXTENSIONS: Readonly<Record<ProfileKind, string>> = { cpu: 'cpuprofile', heap: 'heapprofile' }

export const PROFILE_SECONDS_STANDARD = 10
export const PROFILE_SECONDS_MAX = 60

export interface ProfileOrder {
  readonly id: number
  readonly kind: ProfileKind
  /** 1 to PROFILE_SECONDS_MAX. */
  readonly seconds: number
}

export type ProfileToWorker =
  /** Answered by parts, or `profile-failed`. */
  | ({ readonly type: 'profile' } & ProfileOrder)
  /** The part before has been passed on: the next may come. */
  | { readonly type: 'profile-more'; readonly id: number }
  /** Nobody waits for it any more. */
  | { readonly type: 'profile-cancel'; readonly id: number }

export type ProfileToPrimary =
  /** A piece of its text; the next comes when it is asked for. */
  | { readonly type: 'profile-part'; readonly id: number; readonly text: string; readonly isLast: boolean }
  | { readonly type: 'profile-failed'; readonly id: number; readonly why: string; readonly isBusy: boolean }

/** Whether a text is one of the kinds. */
export function isProfileKind(text: string): text is ProfileKind {
  return (PROFILE_KINDS as readonly string[]).includes(text)
}
