// fork(): a child uses the store and the objects that it inherits.

#include <unistd.h>

#include "check.h"

typedef struct Inherited {
  Store store;
  dolium_object object;
  dolium_builder* builder;
  Kind kind;
} Inherited;

static void child(void* argument) {
  Inherited* mine = argument;
  const dolium_id id = id_of("inherited"), made = id_of("of the child");
  dolium_object object;
  if (mine->kind == in_process) {
    CHECK_IS(dolium_get(mine->store.mine, &id, 0, &object, &why), DOLIUM_DISCONNECTED);
    _exit(7);
  }
  CHECK(holds_text(&mine->object, "salve"));
  CHECK_OK(dolium_get(mine->store.mine, &id, 0, &object, &why));
  dolium_object_release(&object);
  dolium_object_release(&mine->object);
  CHECK_IS(dolium_builder_seal(mine->builder, NULL, &why), DOLIUM_DISCONNECTED);
  CHECK_OK(dolium_put(mine->store.mine, &made, "vale", 4, NULL, NULL, &why));
  dolium_close(mine->store.mine);
  dolium_close(mine->store.other);
  _exit(7);
}

TEST("c: a child of fork uses what it inherits") {
  Inherited mine;
  memset(&mine, 0, sizeof mine);
  mine.store = open_store(kind, NULL);
  mine.kind = kind;
  const dolium_id id = id_of("inherited"), made = id_of("of the child"), later = id_of("of the parent");
  CHECK_OK(dolium_put(mine.store.mine, &id, "salve", 5, NULL, &mine.object, &why));
  CHECK_OK(dolium_create(mine.store.mine, &later, 1, NULL, &mine.builder, &why));
  char said[1024];
  const int status = run_in_child(child, &mine, NULL, said, sizeof said);
  if (status != 7) fail_check(__FILE__, __LINE__, "the child", said);
  CHECK(holds_text(&mine.object, "salve"));
  dolium_object_release(&mine.object);
  CHECK_OK(dolium_builder_write(mine.builder, "x", 1, &why));
  CHECK_OK(dolium_builder_seal(mine.builder, NULL, &why));
  if (kind == daemon_store) {
    CHECK_OK(dolium_get(mine.store.mine, &made, PATIENCE, &mine.object, &why));
    CHECK(holds_text(&mine.object, "vale"));
    dolium_object_release(&mine.object);
  }
  close_store(&mine.store);
}
