/** Single DNS queries over UDP (RFC 1035 §4.2.1). */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Packet, type RecordType } from 'dns-packet';

/** Address of a DNS server. */
export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

const RESPONSE_TIMEOUT_MS = 2_000;

/** Sends one query. @throws Error when there is no response within two seconds. */
export async function queryDns(server: DnsServer, name: string, type: RecordType): Promise<Packet> {
  const id = Math.floor(Math.random() * 65_536);
  return decode(await exchangeDns(server, encode({ type: 'query', id, questions: [{ name, type }] })));
}

/** Sends one message. @returns the response. @throws Error when there is none within two seconds. */
export async function exchangeDns(server: DnsServer, query: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    const response = once(socket, 'message', { signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS) });
    socket.send(query, server.port, server.host);
    const [message] = (await response) as [Buffer];
    return message;
  } finally {
    socket.close();
  }
}

/** @returns true when the server responds, with any code. @throws Error when it does not. */
export async function respondsToDns(server: DnsServer): Promise<boolean> {
  await queryDns(server, 'health.invalid', 'A');
  return true;
}

/** Whether the server responds to the zone's name with an SOA. @throws Error when it does not respond. */
export async function servesZone(server: DnsServer, zone: string): Promise<boolean> {
  const { answers } = await queryDns(server, zone, 'SOA');
  return answers?.some((answer) => answer.type === 'SOA') === true;
}
