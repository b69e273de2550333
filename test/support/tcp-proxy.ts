/**
 * Test support: a TCP proxy before a real server (Redis, Postgres) that can be slow, frozen or gone.
 * In: the server's port. Out: a port that behaves as the test says.
 */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

/** `slow`: answers come after `slowMs`. `frozen`: connections are taken, nothing passes until another is set. `gone`: refused. */
export type TcpFault = 'none' | 'slow' | 'frozen' | 'gone';

export interface TcpProxy {
  readonly port: number;
  /** Connections accepted ever, and those that are open. */
  readonly connections: { accepted: number; readonly open: number };
  /** From now on, for connections that are open as well. */
  inject(fault: TcpFault): Promise<void>;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number, slowMs = 200): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let fault: TcpFault = 'none';
  let accepted = 0;
  let server: Server;
  let port = 0;

  const relay = (client: Socket): void => {
    accepted += 1;
    const upstream = createConnection({ port: targetPort, host: '127.0.0.1' });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (bytes) => void upstream.write(bytes));
    upstream.on('data', (bytes) => {
      if (fault === 'slow') setTimeout(() => client.writable && client.write(bytes), slowMs);
      else client.write(bytes);
    });
    if (fault === 'frozen') client.pause();
  };
  const listen = async (): Promise<void> => {
    server = createServer(relay).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  };
  const stopListening = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  await listen();
  return {
    port,
    connections: {
      get accepted() {
        return accepted;
      },
      get open() {
        return sockets.size / 2;
      },
    },
    async inject(next) {
      fault = next;
      for (const socket of sockets) {
        if (next === 'frozen') socket.pause();
        else socket.resume();
      }
      if (next === 'gone') await stopListening();
      else if (!server.listening) await listen();
    },
    close: stopListening,
  };
}
