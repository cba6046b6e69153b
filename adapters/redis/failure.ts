/** What an error of Redis, of a connection to it or of a client means to a caller. It knows messages, nothing else. */
import { type ErrorCode, HoldfastError, type Outcome } from '../../src/error.ts'

/** How a server begins the message by which it refuses a command, and what that means. */
const REFUSALS: readonly (readonly [beginning: string, code: ErrorCode, advice: string])[] = [
  ['OOM', 'STORE_FULL', 'its memory is full (maxmemory); what removes or moves goes on'],
  ['READONLY', 'STORE_UNAVAILABLE', 'the server is a replica, as during a failover'],
  ['LOADING', 'STORE_UNAVAILABLE', 'the server is loading its data'],
  ['MASTERDOWN', 'STORE_UNAVAILABLE', 'the server is a replica that has lost its master'],
  ['BUSY', 'STORE_UNAVAILABLE', 'the server is busy with a script that is not ours'],
  ['TRYAGAIN', 'STORE_UNAVAILABLE', 'the cluster is moving the namespace to another node'],
  ['CLUSTERDOWN', 'STORE_UNAVAILABLE', 'the cluster is not whole'],
  ['NOREPLICAS', 'STORE_UNAVAILABLE', 'too few replicas are connected (min-replicas-to-write)'],
  ['MISCONF', 'STORE_FAILED', 'the server cannot write its data to its disk'],
  ['NOAUTH', 'STORE_FAILED', 'the client has not said who it is'],
  ['WRONGPASS', 'STORE_FAILED', 'name or password of the client are wrong'],
  ['NOPERM', 'STORE_FAILED', 'the client may not do this: see the ACL in the README'],
  [
    'ERR The user executing the script',
    'STORE_FAILED',
    'the client may not do this: see the ACL in the README',
  ],
  ['MOVED', 'STORE_FAILED', 'the server is one node of a cluster: give the store a Cluster client'],
  ['ASK', 'STORE_FAILED', 'the server is one node of a cluster: give the store a Cluster client'],
  ['CROSSSLOT', 'STORE_FAILED', 'the server is one node of a cluster, and keys went astray'],
  ['DENIED', 'STORE_FAILED', 'the server is protected'],
  ['ERR unknown command', 'NOT_SUPPORTED', 'the server is no Redis 7 or Valkey'],
  ['ERR Error compiling script', 'NOT_SUPPORTED', 'the server is older than Redis 7'],
  ['ERR max number of clients', 'STORE_UNAVAILABLE', 'the server has too many clients'],
]

/** How a server says that a command was refused to a script which was under way. */
const IN_A_SCRIPT = /@user_script/

/** How a client says that a command was not sent. */
const UNSENT = /enableOfflineQueue/

/** The error for something Redis, or the way to it, refused. `what` says what was tried. */
export function redisError(what: string, cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const made = (code: ErrorCode, why: string, outcome: Outcome): HoldfastError =>
    new HoldfastError(code, `${what}: ${why}`, { outcome, cause })
  const refusal = REFUSALS.find(([beginning]) => message.startsWith(beginning))
  const outcome = IN_A_SCRIPT.test(message) ? 'unknown' : 'failed'
  if (refusal !== undefined) return made(refusal[1], `${refusal[2]} (${message})`, outcome)
  if (isReply(cause)) return made('STORE_FAILED', message, 'unknown')
  return made('STORE_UNAVAILABLE', message, UNSENT.test(message) ? 'failed' : 'unknown')
}

/** The same error, of something that may have happened all the same. */
export const unsure = ({ code, message, cause }: HoldfastError): HoldfastError =>
  new HoldfastError(code, message, { outcome: 'unknown', cause })

/** The same error, of something that cannot have changed anything. */
export const certain = ({ code, message, cause }: HoldfastError): HoldfastError =>
  new HoldfastError(code, message, { cause })

export const storeReset = (namespace: string): HoldfastError =>
  new HoldfastError(
    'STORE_RESET',
    `the namespace ${namespace} is gone, or is another one than this store opened: the server was flushed, or lost its data`,
  )

/** Whether the server does not know a script, which it forgets when it restarts or is told to. */
export const isForgottenScript = (cause: unknown): boolean =>
  cause instanceof Error && cause.message.startsWith('NOSCRIPT')

/** Whether the server may not be asked about its settings. */
export const isForbidden = (cause: unknown): boolean =>
  cause instanceof Error && /^(NOPERM|ERR unknown (command|subcommand))/.test(cause.message)

/** What the server said, and not what became of the connection. */
const isReply = (cause: unknown): boolean => cause instanceof Error && cause.name === 'ReplyError'
