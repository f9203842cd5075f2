import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePorts } from '../../../../local/stack/process/ports.ts';

test('ports are free for TCP and UDP, and allocated once', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `port-${index}`);
  const ports = Object.values(await freePorts(names));
  expect(new Set(ports).size).toBe(names.length);
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    const socket = createSocket('udp4').bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
  }
});
