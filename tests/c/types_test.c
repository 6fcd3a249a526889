// Types by name and tag, and tickets.

#include <dolium/c/types.h>

#include "check.h"

TEST("c: tags and names of types agree") {
  uint64_t tag = 0;
  CHECK_OK(dolium_type_tag("f64[]", 5, &tag, &why));
  CHECK(tag == DOLIUM_TAG_F64_ARRAY && strcmp(dolium_type_name(tag), "f64[]") == 0);
  CHECK_OK(dolium_type_tag("utf8", 4, &tag, &why));
  CHECK(tag == DOLIUM_TAG_UTF8);
  CHECK_OK(dolium_type_tag("bool", 4, &tag, &why));
  CHECK(tag == DOLIUM_TAG_BOOL && strcmp(dolium_type_name(tag), "bool") == 0);
  CHECK_OK(dolium_type_tag("bytes", 5, &tag, &why));
  CHECK(tag == 0 && strcmp(dolium_type_name(0), "bytes") == 0);
  CHECK_OK(dolium_type_tag("map<utf8,f64>", 13, &tag, &why));
  CHECK(tag != 0 && strcmp(dolium_type_name(tag), "") == 0);
  CHECK_IS(dolium_type_tag("", 0, &tag, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK(kind == in_process || kind == daemon_store);
}

TEST("c: an object is checked for its type") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("typed");
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  options.type_tag = DOLIUM_TAG_F64_ARRAY;
  const double values[] = {1, 2};
  dolium_object object;
  CHECK_OK(dolium_put(store.mine, &id, values, sizeof values, &options, &object, &why));
  CHECK_OK(dolium_object_check_type(&object, "f64[]", 5, &why));
  CHECK_OK(dolium_object_check_type(&object, "bytes", 5, &why));
  const char* name = NULL;
  size_t size = 0;
  CHECK_OK(dolium_object_type_name(&object, &name, &size, &why));
  CHECK(size == 5 && memcmp(name, "f64[]", 5) == 0);
  CHECK_IS(dolium_object_check_type(&object, "i32[]", 5, &why), DOLIUM_TYPE_MISMATCH);
  CHECK_WHY("f64[]");
  CHECK_IS(dolium_object_check_type(&object, "", 0, &why), DOLIUM_INVALID_ARGUMENT);
  dolium_object_release(&object);
  close_store(&store);
}

TEST("c: a numpy array of one dimension is an array of its elements") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("numpy");
  dolium_create_options options = DOLIUM_CREATE_OPTIONS_INIT;
  CHECK_OK(dolium_type_tag("numpy.ndarray", 13, &options.type_tag, &why));
  options.metadata = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
  options.metadata_size = strlen(options.metadata);
  const double values[] = {1, 2};
  dolium_object object;
  CHECK_OK(dolium_put(store.mine, &id, values, sizeof values, &options, &object, &why));
  CHECK_OK(dolium_object_check_type(&object, "f64[]", 5, &why));
  CHECK_IS(dolium_object_check_type(&object, "f32[]", 5, &why), DOLIUM_TYPE_MISMATCH);
  dolium_object_release(&object);
  close_store(&store);
}

TEST("c: a ticket names an object for another process") {
  Store store = open_store(kind, NULL);
  const dolium_id id = id_of("ticketed"), none = id_of("none");
  CHECK_OK(dolium_put(store.mine, &id, "salve", 5, NULL, NULL, &why));
  char ticket[DOLIUM_TICKET_TEXT_SIZE];
  CHECK_OK(dolium_ticket(store.mine, &id, "my type", 7, ticket, sizeof ticket, &why));
  dolium_ticket_info info;
  info.struct_size = sizeof info;
  CHECK_OK(dolium_ticket_read(ticket, strlen(ticket), &info, &why));
  CHECK(memcmp(&info.id, &id, sizeof id) == 0 && strcmp(info.type_name, "my type") == 0 && info.type_name_size == 7);
  CHECK(info.store_number != 0);
  dolium_object object;
  CHECK_OK(dolium_ticket_get(store.other, ticket, strlen(ticket), "my type", 7, 0, &object, &why));
  CHECK(holds_text(&object, "salve"));
  dolium_object_release(&object);
  CHECK_IS(dolium_ticket_get(store.other, ticket, strlen(ticket), "f64[]", 5, 0, &object, &why), DOLIUM_TYPE_MISMATCH);
  CHECK_OK(dolium_ticket_get(store.other, ticket, strlen(ticket), NULL, 0, 0, &object, &why));
  dolium_object_release(&object);
  CHECK_IS(dolium_ticket_read("dolium:1:nothing", 16, &info, &why), DOLIUM_INVALID_ARGUMENT);
  CHECK_IS(dolium_ticket(store.mine, &id, NULL, 0, ticket, 70, &why), DOLIUM_TOO_LARGE);
  CHECK_OK(dolium_ticket(store.mine, &none, NULL, 0, ticket, sizeof ticket, &why));
  ticket[9 + 40 + 1] = ticket[9 + 40 + 1] == '0' ? '1' : '0';  // another store
  CHECK_IS(dolium_ticket_get(store.mine, ticket, strlen(ticket), NULL, 0, 0, &object, &why), DOLIUM_NOT_FOUND);
  CHECK_WHY("another store");
  close_store(&store);
}
