/**
 * Before all tests: one server for those that share one, installed where this machine has none. After them it is stopped.
 */
import { type RedisServer, SHARED_VARIABLE, startServer } from './server.ts'

export default async function setup(): Promise<() => Promise<void>> {
  let server: RedisServer | undefined
  try {
    if (!process.env.REDIS_URL) server = await startServer()
  } catch (error) {
    // The tests that need it fail with the same words; the others have no use for it.
    console.warn((error as Error).message)
  }
  if (server !== undefined) process.env[SHARED_VARIABLE] = server.url
  return async () => server?.stop()
}
