/**
 * Owns the rows of the option table that the admin server goes by.
 * Must not know: other rows, or how variables are read or printed.
 */
import { adminAddress, type AdminAddress } from './admin-address.ts'
import { fixed, type OptionTable } from './option.ts'
import { oneOf, token } from './value-kinds.ts'

/** What nobody guesses, and what still fits into a header. */
const adminToken = token({ min: 16, max: 1024 })

const DEFAULT_ADMIN: AdminAddress = { host: '127.0.0.1', port: 7401 }

export const ADMIN_OPTIONS = {
  admin: {
    name: 'SHARDWIRE_ADMIN',
    needsRestart: true,
    kind: adminAddress(),
    fallback: fixed(DEFAULT_ADMIN, 'http://127.0.0.1:7401'),
    meaning:
      'Address of the admin HTTP server: metrics, health, connections; when the default one is taken the daemon ' +
      'serves without.',
    example: 'http://127.0.0.1:9100',
  },
  adminToken: {
    name: 'SHARDWIRE_ADMIN_TOKEN',
    secret: true,
    kind: adminToken,
    fallback: fixed(null, 'none: nobody can act, and SHARDWIRE_ADMIN must be a loopback address'),
    meaning: 'Token (Authorization: Bearer) to act by the admin server, to close, drain and reload, and to read.',
    example: 'what-openssl-rand-hex-32-prints',
  },
  adminRead: {
    name: 'SHARDWIRE_ADMIN_READ',
    kind: oneOf(['auto', 'open', 'token']),
    fallback: fixed('auto'),
    meaning:
      'Who may read by the admin server: open, whoever reaches it; token, who has one; auto, open on a loopback ' +
      'address and token elsewhere. Health needs none.',
    example: 'token',
  },
  adminReadToken: {
    name: 'SHARDWIRE_ADMIN_READ_TOKEN',
    secret: true,
    kind: adminToken,
    fallback: fixed(null, 'none: the token that may act is the one that may read'),
    meaning: 'Token that may read by the admin server and not act, for a scraper, say.',
    example: 'another-that-openssl-rand-hex-32-prints',
  },
} as const satisfies OptionTable
