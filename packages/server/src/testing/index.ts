/** The public names of what tests of services need; no logic. */
export type { CallOptions, TestClient, TestConnection, TestMessage } from './test-connection.ts'
export { type TestCallOptions, type TestedService, testService, type TestOptions } from './test-service.ts'
