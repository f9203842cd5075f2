/** DNS servers of a test's own, which answer as it says, or not at all. They close when the test ends. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import packet from 'dns-packet';
import { onTestFinished } from 'vitest';
import { eventually } from '../vitest/eventually.ts';

/** Accepts connections and does not answer. @returns its port. */
export async function muteServer(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

/** A name server. @returns its port. @throws when the port that it was to have is taken. */
export async function datagramServer(answer: (query: Buffer) => Buffer | undefined, port = 0): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  try {
    await once(socket, 'listening');
  } catch (error) {
    socket.close();
    throw error;
  }
  socket.on('message', (message, from) => {
    const reply = answer(message);
    if (reply !== undefined) socket.send(reply, from.port, from.address);
  });
  onTestFinished(() => new Promise((resolve) => socket.close(resolve)));
  return socket.address().port;
}

/** A name server whose answers are truncated, and which does not answer over TCP. @returns its port. */
export async function truncatingServer(): Promise<number> {
  // TCP first: its ports are what a busy machine is short of, taken by connections as well as by servers.
  return await eventually(
    'a port that is free for both',
    async () => await datagramServer((query) => answerTo(query, [], packet.TRUNCATED_RESPONSE), await muteServer()),
    () => true,
  );
}

/** The response to a query. */
export function answerTo(query: Buffer, answers: packet.Answer[], flags = 0): Buffer {
  const { id, questions } = packet.decode(query);
  return packet.encode({ type: 'response', id: id ?? 0, flags, questions: questions ?? [], answers });
}
