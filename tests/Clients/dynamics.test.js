// The client that most speak to the Dataverse Web API with, as it comes from the registry, against the sandbox.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { DynamicsWebApi } from 'dynamics-web-api';
import { start, until } from './sandbox.js';

let sandbox;
let token;
let api;

const ask = async (form) => {
  const scope = `${sandbox.base}/.default`;
  const response = await fetch(`${sandbox.base}/sandbox/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'sandbox', client_secret: 'sandbox', scope, ...form }),
  });
  return { status: response.status, body: await response.json() };
};

const connect = (more = {}) => new DynamicsWebApi({ serverUrl: sandbox.base, dataApi: { version: '9.2' }, onTokenRefresh: async () => token, ...more });

const refused = async (promise) => {
  try {
    await promise;
  } catch (problem) {
    return problem;
  }
  throw new Error('It was not refused.');
};

const make = (data) => api.create({ collection: 'contacts', data });

before(async () => {
  sandbox = await start('dynamics', ['dynamics'], ['--organisations', '2']);
  token = (await ask({})).body.access_token;
  api = connect();
});

after(async () => {
  await sandbox?.stop();
});

test('client credentials give a token for one environment, and what is wrong with a request for one is told', async () => {
  const given = await ask({});
  const me = await api.callFunction('WhoAmI');

  assert.equal(given.body.expires_in, 3599);
  assert.equal(given.body.token_type, 'Bearer');
  assert.match(me.UserId, /^[0-9a-f-]{36}$/);
  assert.deepEqual([(await ask({ client_secret: 'wrong' })).status, (await ask({ client_secret: 'wrong' })).body.error_codes], [401, [7000215]]);
  assert.deepEqual((await ask({ client_id: 'nobody' })).body.error_codes, [700016]);
  assert.deepEqual((await ask({ scope: 'contacts' })).body.error_codes, [1002012]);
  assert.equal((await refused(connect({ onTokenRefresh: async () => 'nonsense' }).callFunction('WhoAmI'))).status, 401);

  const other = (await ask({ client_id: 'sandbox-2' })).body.access_token;
  assert.notEqual((await connect({ onTokenRefresh: async () => other }).callFunction('WhoAmI')).OrganizationId, me.OrganizationId);
});

test('tables, columns, choices and keys describe themselves', async () => {
  const table = await api.retrieveEntity({ key: "LogicalName='contact'", select: ['LogicalName', 'EntitySetName', 'ChangeTrackingEnabled', 'IsOptimisticConcurrencyEnabled'], expand: [{ property: 'Attributes', select: ['LogicalName', 'AttributeType', 'RequiredLevel'] }, { property: 'Keys' }] });
  const gender = await api.retrieveAttribute({ entityKey: "LogicalName='contact'", attributeKey: "LogicalName='gendercode'", castType: 'Microsoft.Dynamics.CRM.PicklistAttributeMetadata', expand: [{ property: 'OptionSet' }] });
  const metadata = await (await fetch(`${sandbox.base}/api/data/v9.2/$metadata`, { headers: { authorization: `Bearer ${token}` } })).text();

  assert.equal(table.EntitySetName, 'contacts');
  assert.equal(table.ChangeTrackingEnabled, true);
  assert.equal(table.Attributes.find((a) => a.LogicalName === 'parentcustomerid').AttributeType, 'Customer');
  assert.equal(table.Attributes.find((a) => a.LogicalName === 'lastname').RequiredLevel.Value, 'ApplicationRequired');
  assert.deepEqual(table.Keys[0].KeyAttributes, ['crm_hubkey']);
  assert.deepEqual(gender.OptionSet.Options.map((o) => o.Value), [1, 2]);
  assert.match(metadata, /<EntityType Name="contact"/);
  assert.match(metadata, /<NavigationProperty Name="parentcustomerid_account"/);
});

test('a contact is made, read, changed, cleared and deleted', async () => {
  const account = await api.create({ collection: 'accounts', data: { name: 'Acme' } });
  const made = await api.create({ collection: 'contacts', data: { firstname: 'Ada', lastname: 'Lovelace', gendercode: 2, birthdate: '1815-12-10', 'parentcustomerid_account@odata.bind': `/accounts(${account.accountid ?? account})` }, returnRepresentation: true });
  const read = await api.retrieve({ collection: 'contacts', key: made.contactid, select: ['fullname', 'gendercode', '_parentcustomerid_value', 'statecode'], includeAnnotations: '*' });
  const expanded = await api.retrieve({ collection: 'contacts', key: made.contactid, select: ['fullname'], expand: [{ property: 'parentcustomerid_account', select: ['name'] }] });
  await api.update({ collection: 'contacts', key: made.contactid, data: { lastname: 'King', jobtitle: '' } });
  await api.updateSingleProperty({ collection: 'contacts', key: made.contactid, fieldValuePair: { description: 'x' } });
  await api.deleteRecord({ collection: 'contacts', key: made.contactid, fieldName: 'description' });
  const then = await api.retrieve({ collection: 'contacts', key: made.contactid, select: ['fullname', 'description', 'versionnumber'] });
  await api.deleteRecord({ collection: 'contacts', key: made.contactid });
  const gone = await refused(api.retrieve({ collection: 'contacts', key: made.contactid }));

  assert.equal(read.fullname, 'Ada Lovelace');
  assert.equal(read['gendercode@OData.Community.Display.V1.FormattedValue'], 'Female');
  assert.equal(read['_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname'], 'account');
  assert.equal(read['_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty'], 'parentcustomerid_account');
  assert.equal(expanded.parentcustomerid_account.name, 'Acme');
  assert.equal(then.fullname, 'Ada King');
  assert.equal(then.description, null);
  assert.equal(then['@odata.etag'], `W/"${then.versionnumber}"`);
  assert.deepEqual([gone.status, gone.code], [404, '0x80040217']);
});

test('what is wrong with a row is told with the code of the service', async () => {
  const wrong = async (data) => (await refused(make(data))).code;

  assert.equal(await wrong({ lastname: 'x'.repeat(51) }), '0x80044331');
  assert.equal(await wrong({ gendercode: 7 }), '0x8004431A');
  assert.equal(await wrong({ shoesize: '44' }), '0x80048d19');
  assert.equal(await wrong({ 'parentcustomerid_Account@odata.bind': '/accounts(00000000-0000-0000-0000-000000000001)' }), '0x80048d19');
  assert.equal(await wrong({ 'parentcustomerid_account@odata.bind': '/accounts(00000000-0000-0000-0000-000000000001)' }), '0x80040217');
  assert.equal(await wrong({ statecode: 1, statuscode: 2 }), '0x80048408');
});

test('rows are queried, sorted, counted and paged through', async () => {
  const page = await api.retrieveMultiple({ collection: 'contacts', select: ['fullname', 'emailaddress1'], filter: "contains(emailaddress1,'.example') and statecode eq 0", orderBy: ['lastname asc', 'contactid asc'], count: true, maxPageSize: 12 });
  const all = await api.retrieveAll({ collection: 'contacts', select: ['contactid'], filter: 'emailaddress1 ne null', orderBy: ['lastname desc'] });
  const paged = [];
  for (let next = { value: [], oDataNextLink: undefined }, first = true; first || next.oDataNextLink; first = false) {
    next = await api.retrieveMultiple({ collection: 'contacts', select: ['lastname'], filter: 'emailaddress1 ne null', orderBy: ['lastname desc'], maxPageSize: 7 }, next.oDataNextLink);
    paged.push(...next.value);
  }
  const some = await api.retrieveMultiple({ collection: 'contacts', select: ['contactid'], filter: `Microsoft.Dynamics.CRM.In(PropertyName='contactid',PropertyValues=['${paged[0].contactid}','${paged[1].contactid}'])` });
  const top = await api.retrieveMultiple({ collection: 'accounts', select: ['name'], top: 2 });
  const users = await api.retrieveMultiple({ collection: 'systemusers', select: ['fullname', 'applicationid'], filter: 'isdisabled eq false' });

  assert.equal(page.value.length, 12);
  assert.equal(page.oDataCount, 30);
  assert.ok(page.oDataNextLink);
  assert.equal(all.value.length, 30);
  assert.equal(new Set(paged.map((c) => c.contactid)).size, 30);
  assert.deepEqual(paged.map((c) => c.lastname), [...paged.map((c) => c.lastname)].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? 1 : a.toLowerCase() > b.toLowerCase() ? -1 : 0)));
  assert.equal(some.value.length, 2);
  assert.equal(top.value.length, 2);
  assert.ok(users.value.some((u) => u.applicationid));
  assert.equal(await api.count({ collection: 'contacts' }), 30);
  assert.equal((await refused(api.retrieveMultiple({ collection: 'contacts', filter: 'nonsense eq 1' }))).code, '0x80060888');
});

test('an upsert makes and changes by an alternate key, and preconditions hold it back', async () => {
  const upsert = (data, more = {}) => api.upsert({ collection: 'contacts', key: "crm_hubkey='k.1'", data, returnRepresentation: true, ...more });
  const made = await upsert({ lastname: 'Key' });
  const changed = await upsert({ lastname: 'Changed' });
  const createOnly = await refused(api.upsert({ collection: 'contacts', key: "crm_hubkey='k.1'", data: { lastname: 'No' }, ifnonematch: '*' }).then((r) => { if (r === null) throw Object.assign(new Error('prevented'), { status: 412 }); }));
  const stale = await refused(api.update({ collection: 'contacts', key: made.contactid, data: { lastname: 'Stale' }, ifmatch: made['@odata.etag'] }).then((r) => { if (r === false) throw Object.assign(new Error('prevented'), { status: 412 }); }));
  const taken = await refused(make({ lastname: 'Other', crm_hubkey: 'k.1' }));
  const id = '11111111-2222-4333-8444-555555555555';
  await api.upsert({ collection: 'contacts', key: id, data: { lastname: 'Chosen' } });
  const missing = await refused(api.update({ collection: 'contacts', key: '00000000-0000-0000-0000-000000000001', data: { lastname: 'No' } }));

  assert.equal(changed.contactid, made.contactid);
  assert.equal(changed.lastname, 'Changed');
  assert.equal(createOnly.status, 412);
  assert.equal(stale.status, 412);
  assert.deepEqual([taken.status, taken.code], [412, '0x80060892']);
  assert.equal((await api.retrieve({ collection: 'contacts', key: id, select: ['lastname'] })).lastname, 'Chosen');
  assert.equal(missing.status, 404);
  assert.equal((await refused(api.retrieve({ collection: 'contacts', key: "nokey='k.1'" }))).code, '0x80060890');
  for (const key of ['k.1']) await api.deleteRecord({ collection: 'contacts', key: `crm_hubkey='${key}'` });
  await api.deleteRecord({ collection: 'contacts', key: id });
});

test('a batch with a failing row goes on where that is asked for, and a change set is all or nothing', async () => {
  const before = await api.count({ collection: 'contacts' });
  api.startBatch();
  make({ lastname: 'One', crm_hubkey: 'b.1' });
  make({ lastname: 'x'.repeat(51) });
  make({ lastname: 'Three', crm_hubkey: 'b.3' });
  const parts = await api.executeBatch({ inChangeSet: false, continueOnError: true });

  api.startBatch();
  make({ lastname: 'Four', crm_hubkey: 'b.4' });
  make({ lastname: 'Four again', crm_hubkey: 'b.4' });
  const together = await refused(api.executeBatch());

  api.startBatch();
  api.create({ collection: 'accounts', data: { name: 'Of a batch' }, contentId: '1' });
  api.create({ collection: 'contacts', data: { lastname: 'Linked', crm_hubkey: 'b.5', 'parentcustomerid_account@odata.bind': '$1' } });
  const linked = await api.executeBatch();

  const failures = parts.filter((p) => p instanceof Error);
  assert.equal(parts.length, 3);
  assert.deepEqual(failures.map((f) => f.code ?? f.error?.code), ['0x80044331']);
  assert.ok([together].flat().some((p) => (p.code ?? p.error?.code) === '0x80060892'));
  assert.equal(linked.length, 2);
  const held = await api.retrieve({ collection: 'contacts', key: "crm_hubkey='b.5'", select: ['lastname'], expand: [{ property: 'parentcustomerid_account', select: ['name'] }] });
  assert.equal(held.parentcustomerid_account.name, 'Of a batch');
  assert.equal(await api.count({ collection: 'contacts' }), before + 3);
  for (const key of ['b.1', 'b.3', 'b.5']) await api.deleteRecord({ collection: 'contacts', key: `crm_hubkey='${key}'` });
});

test('many rows in one message are all or nothing', async () => {
  const targets = (...rows) => ({ Targets: rows.map((r) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.contact', ...r })) });
  const call = (actionName, action) => api.callAction({ collection: 'contacts', actionName, action });
  const made = await call('Microsoft.Dynamics.CRM.CreateMultiple', targets({ lastname: 'A' }, { lastname: 'B' }));
  const spoilt = await refused(call('Microsoft.Dynamics.CRM.CreateMultiple', targets({ lastname: 'C' }, { lastname: 'x'.repeat(51) })));
  await call('Microsoft.Dynamics.CRM.UpdateMultiple', targets(...made.Ids.map((contactid) => ({ contactid, jobtitle: 'Buyer' }))));
  await call('Microsoft.Dynamics.CRM.UpsertMultiple', targets({ '@odata.id': "contacts(crm_hubkey='m.1')", lastname: 'D' }, { contactid: made.Ids[0], lastname: 'E' }));
  const rows = await api.retrieveMultiple({ collection: 'contacts', select: ['lastname', 'jobtitle'], filter: "jobtitle eq 'Buyer' and (lastname eq 'E' or lastname eq 'B')" });

  assert.equal(made.Ids.length, 2);
  assert.equal(spoilt.status, 400);
  assert.equal(rows.value.length, 2);
  for (const key of [...made.Ids, "crm_hubkey='m.1'"]) await api.deleteRecord({ collection: 'contacts', key });
});

test('changes are followed by a delta link, which tells deletions last and expires', async () => {
  const first = await api.retrieveMultiple({ collection: 'contacts', select: ['lastname'], trackChanges: true });
  const made = (await make({ lastname: 'Followed' })).contactid ?? (await api.retrieveMultiple({ collection: 'contacts', select: ['contactid'], filter: "lastname eq 'Followed'" })).value[0].contactid;
  const left = first.value[0].contactid;
  await api.deleteRecord({ collection: 'contacts', key: left });
  const delta = await api.retrieveMultiple({ collection: 'contacts', select: ['lastname'] }, first.oDataDeltaLink ?? first['@odata.deltaLink']);
  const link = delta.oDataDeltaLink ?? delta['@odata.deltaLink'];
  const nothing = await api.retrieveMultiple({ collection: 'contacts' }, link);

  assert.deepEqual(delta.value.map((r) => r.contactid ?? r.id), [made, left]);
  assert.equal(delta.value[1].reason, 'deleted');
  assert.equal(nothing.value.length, 0);
  assert.match((await refused(api.retrieveMultiple({ collection: 'contacts', filter: 'statecode eq 0', trackChanges: true }))).message, /isn't supported when Change Tracking is enabled/);

  await sandbox.control('POST', 'faults', { kind: 'expireDelta', object: 'contact' });
  assert.equal((await refused(api.retrieveMultiple({ collection: 'contacts' }, link))).code, '0x80044352');
});

test('a merge leaves the loser inactive, and a lead becomes an account and a contact', async () => {
  const of = async (name) => (await api.create({ collection: 'contacts', data: { lastname: name }, returnRepresentation: true })).contactid;
  const [winner, loser] = [await of('Winner'), await of('Loser')];
  const party = (contactid) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.contact', contactid });
  await api.callAction({ actionName: 'Merge', action: { Target: party(winner), Subordinate: party(loser), UpdateContent: { '@odata.type': 'Microsoft.Dynamics.CRM.contact', jobtitle: 'X' }, PerformParentingChecks: false } });
  const lost = await api.retrieve({ collection: 'contacts', key: loser, select: ['statecode', 'statuscode', 'merged', '_masterid_value'] });
  const lead = await api.create({ collection: 'leads', data: { subject: 'Interest', lastname: 'Lead', companyname: 'Led Ltd' }, returnRepresentation: true });
  const became = await api.callAction({ collection: 'leads', key: lead.leadid, actionName: 'Microsoft.Dynamics.CRM.QualifyLead', action: { CreateAccount: true, CreateContact: true, CreateOpportunity: false, Status: 3 } });
  const qualified = await api.retrieve({ collection: 'leads', key: lead.leadid, select: ['statecode', '_parentcontactid_value'] });

  assert.deepEqual([lost.statecode, lost.statuscode, lost.merged, lost._masterid_value], [1, 2, true, winner]);
  assert.equal((await refused(api.callAction({ actionName: 'Merge', action: { Target: party(winner), Subordinate: party(loser), PerformParentingChecks: false } }))).code, '0x80045304');
  assert.equal(became.value.length, 2);
  assert.equal(qualified.statecode, 1);
  assert.ok(qualified._parentcontactid_value);
});

test('duplicates are found only where that is asked for', async () => {
  const data = { lastname: 'Twin', emailaddress1: 'twin@example.com' };
  await make(data);
  await make(data);

  const found = await refused(api.create({ collection: 'contacts', data, duplicateDetection: true }));

  assert.deepEqual([found.status, found.code], [412, '0x80040333']);
});

test('the limits of the service answer 429 and tell how long to wait', async () => {
  await sandbox.control('POST', 'faults', { kind: 'throttle', code: 'concurrent', retryAfter: '7', operation: 'create' });

  const throttled = await refused(make({ lastname: 'Late' }));

  assert.equal(throttled.status, 429);
  assert.equal(throttled.code, '0x80072326');
  assert.equal(throttled.headers['retry-after'], '7');
});

test('a webhook is told of an update with the tag of the request and the row before', async () => {
  const told = [];
  const hub = createServer((request, response) => {
    const chunks = [];
    request.on('data', (c) => chunks.push(c));
    request.on('end', () => {
      told.push({ url: request.url, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(200).end();
    });
  });
  await new Promise((resolve) => hub.listen(0, '127.0.0.1', resolve));
  try {
    const row = (result, id) => result[id] ?? result;
    const endpoint = row(await api.create({ collection: 'serviceendpoints', data: { name: 'hub', contract: 8, authtype: 4, authvalue: 'secret', url: `http://127.0.0.1:${hub.address().port}/hook`, connectionmode: 1, messageformat: 2 }, returnRepresentation: true }), 'serviceendpointid');
    const message = (await api.retrieveMultiple({ collection: 'sdkmessages', select: ['sdkmessageid'], filter: "name eq 'Update'" })).value[0].sdkmessageid;
    const filter = (await api.retrieveMultiple({ collection: 'sdkmessagefilters', select: ['sdkmessagefilterid'], filter: `primaryobjecttypecode eq 'contact' and _sdkmessageid_value eq ${message}` })).value[0].sdkmessagefilterid;
    const step = await api.create({
      collection: 'sdkmessageprocessingsteps',
      data: { name: 'hub: Update of contact', stage: 40, mode: 1, rank: 1, asyncautodelete: true, filteringattributes: 'lastname', 'eventhandler_serviceendpoint@odata.bind': `/serviceendpoints(${endpoint})`, 'sdkmessageid@odata.bind': `/sdkmessages(${message})`, 'sdkmessagefilterid@odata.bind': `/sdkmessagefilters(${filter})` },
      returnRepresentation: true,
    });
    await api.create({ collection: 'sdkmessageprocessingstepimages', data: { name: 'before', entityalias: 'before', imagetype: 0, attributes: 'lastname', messagepropertyname: 'Target', 'sdkmessageprocessingstepid@odata.bind': `/sdkmessageprocessingsteps(${step.sdkmessageprocessingstepid})` } });
    const contact = (await api.create({ collection: 'contacts', data: { lastname: 'Before' }, returnRepresentation: true })).contactid;
    await api.update({ collection: 'contacts', key: contact, data: { jobtitle: 'Nobody asks' } });
    await api.update({ collection: 'contacts', key: contact, data: { lastname: 'After' }, tag: 'synchub' });
    const [call] = await until(() => told.length > 0 && told, 'the webhook is called');

    const target = call.body.InputParameters.find((p) => p.key === 'Target').value;
    assert.equal(told.length, 1);
    assert.equal(call.url, '/hook?code=secret');
    assert.equal(call.headers['x-ms-dynamics-request-name'], 'Update');
    assert.equal(call.body.PrimaryEntityId, contact);
    assert.equal(target.Attributes.find((a) => a.key === 'lastname').value, 'After');
    assert.deepEqual(call.body.SharedVariables, [{ key: 'tag', value: 'synchub' }]);
    assert.equal(call.body.PreEntityImages[0].value.Attributes.find((a) => a.key === 'lastname').value, 'Before');
    assert.equal((await api.retrieve({ collection: 'serviceendpoints', key: endpoint })).authvalue, undefined);
  } finally {
    hub.close();
  }
});
