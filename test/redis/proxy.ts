/**
 * The network between the tests and a server: a TCP proxy on the loopback interface that passes everything on until it is
 * told to cut. It counts bytes and knows nothing of what they mean.
 */
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'

/** `up`: to the server; `down`: from it. */
export type Direction = 'up' | 'down'

export class Proxy implements AsyncDisposable {
  /** Bytes passed on so far, over all connections. */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 }
  readonly #server: Server
  readonly #connections = new Set<readonly [Socket, Socket]>()
  #target: number
  #cut: { direction: Direction; after: number } | undefined

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', (client) => this.#join(client))
  }

  /** A proxy to a port of this machine. */
  static async to(port: number): Promise<Proxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    return new Proxy(server, port)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /**
   * Once so many bytes have passed in a direction, counted from the start, the connection that carries the last of them is cut:
   * nothing more passes on it either way. Those that are made after it live.
   */
  cutAfter(direction: Direction, bytes: number): void {
    this.#cut = { direction, after: bytes }
  }

  /** Cuts all connections. */
  cutAll(): void {
    for (const [client, server] of this.#connections) {
      client.destroy()
      server.destroy()
    }
  }

  /** New connections go to another port, and those there are, are cut. */
  turnTo(port: number): void {
    this.#target = port
    this.cutAll()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(client: Socket): void {
    const server = connect(this.#target, '127.0.0.1')
    const both = [client, server] as const
    this.#connections.add(both)
    const end = (): void => {
      this.#connections.delete(both)
      client.destroy()
      server.destroy()
    }
    for (const socket of both) socket.setNoDelay(true).on('error', end).on('close', end)
    client.on('data', (bytes: Buffer) => this.#pass('up', bytes, server, end))
    server.on('data', (bytes: Buffer) => this.#pass('down', bytes, client, end))
  }

  #pass(direction: Direction, bytes: Buffer, to: Socket, end: () => void): void {
    const cut = this.#cut
    const left = cut?.direction === direction ? cut.after - this.passed[direction] : Infinity
    if (bytes.length < left) {
      this.passed[direction] += bytes.length
      to.write(bytes)
      return
    }
    this.#cut = undefined
    this.passed[direction] += left
    // What passed is to arrive: the cut comes behind it.
    if (left > 0) to.write(bytes.subarray(0, left), end)
    else end()
  }
}
