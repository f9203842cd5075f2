/**
 * ARI certificate identifier (RFC 9773 §4.1) from its parts.
 * @param keyIdentifier the authority key identifier, in base64url. @param serialNumber in decimal.
 */
export function certIdOf(keyIdentifier: string, serialNumber: string): string {
  const hex = BigInt(serialNumber).toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  // DER has a sign bit.
  const encoded = (octets[0] ?? 0) < 0x80 ? octets : Buffer.concat([Buffer.of(0), octets]);
  return `${keyIdentifier}.${encoded.toString('base64url')}`;
}
