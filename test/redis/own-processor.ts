/**
 * A processor for one process alone, on Linux with util-linux and where that is allowed: a log of how long commands take counts what the
 * kernel gives to others in the middle of one, four milliseconds and more. Elsewhere the machine should have nothing else to do.
 */
import { execFileSync } from 'node:child_process'
import os from 'node:os'

/** Until it is disposed of, this process keeps away from the processor it gave to the other. */
export function ownProcessor(pid: number): Disposable {
  const last = os.availableParallelism() - 1
  if (last > 0) {
    run('taskset', ['-a', '-p', '-c', String(last), String(pid)])
    run('taskset', ['-a', '-p', '-c', `0-${last - 1}`, String(process.pid)])
    run('chrt', ['-f', '-p', '1', String(pid)])
  }
  return { [Symbol.dispose]: () => run('taskset', ['-a', '-p', '-c', `0-${last}`, String(process.pid)]) }
}

function run(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
  } catch {
    // There is no such command here, or we may not.
  }
}
