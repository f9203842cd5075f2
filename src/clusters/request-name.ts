/** Name of a bundle's CertificateRequest: lower case `<clusterdeployment>-<bundle>`, as certman-operator names them. */
export function requestName(clusterDeployment: string, bundleName: string): string {
  return `${clusterDeployment}-${bundleName}`.toLowerCase();
}
