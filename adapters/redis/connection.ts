/**
 * Sending scripts through a client, and what can be said when no answer comes. It knows neither what the scripts do nor
 * receipts.
 */
import { createHash } from 'node:crypto'
import { HoldfastError } from '../../src/error.ts'
import { type Host, nextTurn } from '../../src/host.ts'
import { hasEnded, type RedisClient } from './client.ts'
import { isForgottenScript, redisError, unsure } from './failure.ts'

/** How long a call is waited for, and asked again where its answer was lost (ms). */
export const PATIENCE_MS = 15_000

export class Script {
  readonly source: string
  readonly sha: string

  constructor(source: string) {
    this.source = source
    this.sha = createHash('sha1').update(source).digest('hex')
  }
}

/** How often the connection of a client was lost; one listener for all stores on it. */
const losses = new WeakMap<RedisClient, { count: number }>()

function lossesOf(client: RedisClient): { readonly count: number } {
  const known = losses.get(client)
  if (known !== undefined) return known
  const counted = { count: 0 }
  losses.set(client, counted)
  client.on('close', () => void counted.count++)
  return counted
}

export class Connection {
  readonly client: RedisClient
  readonly host: Host
  readonly #losses: { readonly count: number }

  constructor(client: RedisClient, host: Host) {
    this.client = client
    this.host = host
    this.#losses = lossesOf(client)
  }

  /** How often it was lost. What was sent over one that is lost may be sent again by the client. */
  get losses(): number {
    return this.#losses.count
  }

  get hasEnded(): boolean {
    return hasEnded(this.client)
  }

  /**
   * Runs a script. Rejects with a `HoldfastError` that is `failed` only where the server said so, over the connection by which
   * it was asked; a cluster's client asks again without saying so.
   *
   * Not before the event loop has turned: a client that is closed refuses at once, and a caller who then asks again at once would
   * keep everything else from happening.
   */
  async run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    const { client, losses } = this
    try {
      return await client.call('EVALSHA', [script.sha, keys.length, ...keys, ...args]).catch((error) => {
        if (!isForgottenScript(error)) throw error
        return client.call('EVAL', [script.source, keys.length, ...keys, ...args])
      })
    } catch (cause) {
      await nextTurn()
      const error = redisError('Redis did not do as asked', cause)
      throw this.losses > losses || client.isCluster === true ? unsure(error) : error
    }
  }
}

/**
 * Keeps one command under way. One that is not answered in time is given up, but not forgotten: until the client is done
 * with it, the next ones are refused at once, so that a server which hangs is not buried under commands.
 */
export class Turns {
  readonly #host: Host
  #unanswered = false

  constructor(host: Host) {
    this.#host = host
  }

  /** Rejects as `send` does; as `unknown` when no answer came in time; as `failed` where nothing was sent. */
  take(send: () => Promise<unknown>, patienceMs = PATIENCE_MS): Promise<unknown> {
    if (this.#unanswered) return refuse()
    return new Promise((resolve, reject) => {
      const cancel = this.#host.timer(patienceMs, () => {
        this.#unanswered = true
        const message = `Redis has not answered for ${Math.round(patienceMs / 1000)} s`
        reject(new HoldfastError('STORE_UNAVAILABLE', message, { outcome: 'unknown' }))
      })
      const done = (): void => {
        cancel()
        this.#unanswered = false
      }
      send().then(
        (answer) => {
          done()
          resolve(answer)
        },
        (error: unknown) => {
          done()
          reject(error)
        },
      )
    })
  }
}

/** Not at once: a caller who asks again without a pause is not to keep the answer from being read. */
async function refuse(): Promise<never> {
  await nextTurn()
  const message = 'Redis has not answered an earlier call yet, so this one was not sent'
  throw new HoldfastError('STORE_UNAVAILABLE', message)
}
