/**
 * Test support: a WebSocket client that writes its own frames, so that it can say what no library lets one say.
 * Frames as RFC 6455 section 5.2 has them. It reads whole unmasked frames, as servers send them.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  /** True by default. */
  readonly isFinal?: boolean;
  /** Bits 1 to 3, as 4, 2, 1. */
  readonly reserved?: number;
}

/** A masked frame, its length in the shortest form. */
export function frame(opcode: number, payload: Buffer | string = '', options: FrameOptions = {}): Buffer {
  const { isFinal = true, reserved = 0 } = options;
  const bytes = Buffer.from(payload);
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([
    Buffer.from([(isFinal ? 0x80 : 0) | (reserved << 4) | opcode]),
    lengthOf(bytes.length),
    mask,
    masked,
  ]);
}

function lengthOf(bytes: number): Buffer {
  if (bytes < 126) return Buffer.from([0x80 | bytes]);
  const long = Buffer.alloc(bytes < 65_536 ? 3 : 9);
  long[0] = 0x80 | (bytes < 65_536 ? 126 : 127);
  if (bytes < 65_536) long.writeUInt16BE(bytes, 1);
  else long.writeBigUInt64BE(BigInt(bytes), 1);
  return long;
}

export const textFrame = (message: object | string): Buffer =>
  frame(opcodes.text, typeof message === 'string' ? message : JSON.stringify(message));

export function closeFrame(code: number, reason: Buffer | string = ''): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(opcodes.close, Buffer.concat([head, Buffer.from(reason)]));
}

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface RawWebSocket {
  /** The answer to the upgrade, status line and headers. */
  readonly head: string;
  readonly socket: Socket;
  send(...frames: Buffer[]): void;
  /** The next frame that was not read yet; undefined when the connection has ended. */
  next(): Promise<Frame | undefined>;
  /** The next message; fails when another frame comes. */
  message(): Promise<{ readonly type: string; readonly id?: string; readonly payload?: unknown }>;
  /** The code of the close frame, after whatever comes before it; undefined when the connection ends without one. */
  closeCode(): Promise<number | undefined>;
}

const baseHeaders = {
  host: 'gateway.test',
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': 'graphql-transport-ws',
};

export interface UpgradeOptions {
  readonly path?: string;
  readonly method?: string;
  /** Added to those of an upgrade; one that is undefined is left out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Right behind the headers. */
  readonly body?: Buffer | string;
}

/** Asks for an upgrade; resolves when it is answered, however. */
export async function openRawWebSocket(port: number, options: UpgradeOptions = {}): Promise<RawWebSocket> {
  const { path = '/graphql', method = 'GET', headers = {}, body = '' } = options;
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const lines = Object.entries({ ...baseHeaders, ...headers }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  socket.write(body);
  const reader = new FrameReader(socket);
  const head = await reader.head;
  const next = () => reader.next();
  return {
    head,
    socket,
    send: (...frames) => void socket.write(Buffer.concat(frames)),
    next,
    async message() {
      const read = await next();
      if (read?.opcode !== opcodes.text) throw new Error(`expected a message, got ${JSON.stringify(read)}`);
      return JSON.parse(read.payload.toString());
    },
    async closeCode() {
      for (let read = await next(); read; read = await next())
        if (read.opcode === opcodes.close) return read.payload.length === 0 ? 1005 : read.payload.readUInt16BE();
      return undefined;
    },
  };
}

class FrameReader {
  readonly head: Promise<string>;
  private buffered = Buffer.alloc(0);
  private isOver = false;
  private wake = () => {};

  constructor(socket: Socket) {
    socket.on('data', (bytes) => {
      this.buffered = Buffer.concat([this.buffered, bytes]);
      this.wake();
    });
    socket.on('close', () => {
      this.isOver = true;
      this.wake();
    });
    this.head = this.readHead(socket);
  }

  private async readHead(socket: Socket): Promise<string> {
    await once(socket, 'connect');
    let end = this.buffered.indexOf('\r\n\r\n');
    while (end < 0 && !this.isOver) {
      await this.more();
      end = this.buffered.indexOf('\r\n\r\n');
    }
    const head = this.buffered.subarray(0, end < 0 ? undefined : end + 4).toString('latin1');
    this.buffered = this.buffered.subarray(head.length);
    return head;
  }

  async next(): Promise<Frame | undefined> {
    for (;;) {
      const found = this.take();
      if (found || this.isOver) return found;
      await this.more();
    }
  }

  private take(): Frame | undefined {
    const [first = 0, second = 0] = this.buffered;
    const start = second === 127 ? 10 : second === 126 ? 4 : 2;
    if (this.buffered.length < start) return undefined;
    let length = second;
    if (second === 126) length = this.buffered.readUInt16BE(2);
    else if (second === 127) length = Number(this.buffered.readBigUInt64BE(2));
    if (this.buffered.length < start + length) return undefined;
    const payload = this.buffered.subarray(start, start + length);
    this.buffered = this.buffered.subarray(start + length);
    return { opcode: first & 0x0f, payload };
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
